/* part: linear */
typedef struct {
    uint32_t column;
    double center, scale;
} standard_SOURCE;

/* (x - center) / scale @ weights + intercept; weights lie column by column. */
static void linear_SOURCE(const SOURCE_T *restrict from, const standard_SOURCE *columns, size_t count,
                          const double *weights, const double *intercept, size_t outputs,
                          double *restrict sums, size_t rows)
{
    double z[BLOCK];
    memset(sums, 0, outputs * BLOCK * sizeof *sums);
    for (size_t j = 0; j < count; j++) {
        const SOURCE_T *x = from + (size_t)columns[j].column * BLOCK;
        double center = columns[j].center, scale = columns[j].scale;
        for (size_t r = 0; r < rows; r++)
            z[r] = (x[r] - center) / scale;
        for (size_t k = 0; k < outputs; k++) {
            double weight = weights[j * outputs + k];
            for (size_t r = 0; r < rows; r++)
                sums[k * BLOCK + r] += z[r] * weight;
        }
    }
    for (size_t k = 0; k < outputs; k++)
        for (size_t r = 0; r < rows; r++)
            sums[k * BLOCK + r] += intercept[k];
}

/* part: ranked */
/* How a feature becomes whole numbers that order the thresholds of its splits: the rank of a
   value is the number of cuts below it, so it is at most cut j just where its rank is at most j. */
typedef struct {
    const float *cuts;
    uint32_t feature, pivots, stride, missing;
} ranked;

/* part: rank */
static void rank_BIN(const float *restrict features, const ranked *column, BIN_T *restrict ranks,
                     size_t rows)
{
    const float *restrict x = features + (size_t)column->feature * BLOCK;
    const float *restrict cuts = column->cuts;
    uint32_t missing = column->missing, place[BLOCK];
    memset(place, 0, sizeof place);
    for (uint32_t j = 1; j <= column->pivots; j++) {
        float cut = cuts[j * column->stride - 1];
        uint32_t step = column->stride;
        for (size_t r = 0; r < rows; r++)
            place[r] += step & -(uint32_t)(cut < x[r]);
    }
    for (uint32_t step = column->stride / 2; step > 0; step /= 2)
        for (size_t r = 0; r < rows; r++)
            place[r] += step & -(uint32_t)(cuts[place[r] + step - 1] < x[r]);
    for (size_t r = 0; r < rows; r++)
        ranks[r] = (BIN_T)(x[r] != x[r] ? missing : place[r]);
}

/* part: sets */
/* The sets that splits ask of one feature: its values that are in any, and for each set a table
   of what is outside, by place of the value; then for any other value; then for a missing one. */
typedef struct {
    const float *values;
    const unsigned char *outside;
    uint32_t feature, count, sets;
} grouped;

/* part: outside */
static void outside_BIN(const float *restrict features, const grouped *group, BIN_T *restrict bins,
                        size_t rows)
{
    const float *restrict x = features + (size_t)group->feature * BLOCK;
    uint32_t place[BLOCK], count = group->count;
    for (size_t r = 0; r < rows; r++) {
        uint32_t low = 0, high = count;
        while (low < high) {
            uint32_t middle = (low + high) / 2;
            if (group->values[middle] < x[r])
                low = middle + 1;
            else
                high = middle;
        }
        place[r] = low < count && group->values[low] == x[r] ? low : count;
        place[r] = x[r] != x[r] ? count + 1 : place[r];
    }
    for (size_t s = 0; s < group->sets; s++) {
        const unsigned char *restrict table = group->outside + s * (count + 2);
        for (size_t r = 0; r < rows; r++)
            bins[s * BLOCK + r] = table[place[r]];
    }
}

/* part: leaves */
static void add_leaves(double *restrict sums, const double *restrict leaves,
                       const uint8_t *restrict place, size_t rows)
{
    for (size_t r = 0; r < rows; r++) {
        sums[r] += leaves[place[r]];
        ONE_BY_ONE;
    }
}

static void add_four_leaves(double *restrict sums, const double *const leaves[4],
                            const uint8_t *restrict places, size_t rows)
{
    const double *restrict a = leaves[0], *restrict b = leaves[1];
    const double *restrict c = leaves[2], *restrict d = leaves[3];
    for (size_t r = 0; r < rows; r++) {
        sums[r] += (a[places[r]] + b[places[BLOCK + r]])
                   + (c[places[2 * BLOCK + r]] + d[places[3 * BLOCK + r]]);
        ONE_BY_ONE;
    }
}

/* What the rows of up to four trees found; four at once keep the sums in registers. */
static void add_trees(const double *const leaves[4], const size_t counts[4], size_t trees,
                      const uint8_t *places, size_t outputs, double *sums, size_t rows)
{
    for (size_t k = 0; k < outputs; k++) {
        const double *of[4];
        for (size_t t = 0; t < trees; t++)
            of[t] = leaves[t] + k * counts[t];
        if (trees == 4)
            add_four_leaves(sums + k * BLOCK, of, places, rows);
        else
            for (size_t t = 0; t < trees; t++)
                add_leaves(sums + k * BLOCK, of[t], places + t * BLOCK, rows);
    }
}

/* part: tables */
typedef struct {
    const uint16_t *columns;
    const BIN_T *cuts;
    const double *leaves;
    size_t trees, questions, outputs;
} table_trees_BIN;

static void answer_BIN(uint8_t *restrict place, const BIN_T *restrict bins, BIN_T cut, size_t rows)
{
    for (size_t r = 0; r < rows; r++)
        place[r] = (uint8_t)(place[r] << 1 | (bins[r] > cut));
}

/* Trees of few different questions, as oblivious ones are: each is asked once, whether a path
   needs it or not, and the answers are the bits of a place in the tree's table. */
static void table_BIN(const BIN_T *bins, const table_trees_BIN *forest, double *sums,
                          size_t rows)
{
    uint8_t places[4 * BLOCK];
    const double *found[4], *leaves = forest->leaves;
    size_t size = (size_t)1 << forest->questions, counts[4] = {size, size, size, size}, split = 0;
    for (size_t t = 0; t < forest->trees; t++) {
        uint8_t *place = places + t % 4 * BLOCK;
        memset(place, 0, rows);
        for (size_t d = 0; d < forest->questions; d++, split++)
            answer_BIN(place, bins + (size_t)forest->columns[split] * BLOCK, forest->cuts[split],
                       rows);
        found[t % 4] = leaves;
        leaves += size * forest->outputs;
        if (t % 4 == 3 || t + 1 == forest->trees)
            add_trees(found, counts, t % 4 + 1, places, forest->outputs, sums, rows);
    }
}

/* part: split */
/* The rows at place `from` that go right get a new place. */
static void part_BIN(uint8_t *restrict place, const BIN_T *restrict bins, BIN_T cut, uint8_t from,
                     uint8_t to, size_t rows)
{
    if (rows == 1) { /* not worth the way into vectors and out */
        *place = (*place == from) & (*bins > cut) ? to : *place;
        return;
    }
    for (size_t r = 0; r < rows; r++)
        place[r] = (place[r] == from) & (bins[r] > cut) ? to : place[r];
}

/* part: parting */
typedef struct {
    const uint8_t *splits, *from;
    const uint16_t *columns;
    const BIN_T *cuts;
    const double *leaves;
    size_t trees, outputs;
} parting_trees_BIN;

/* Small trees, every split for all rows: places number the leaves in the end. */
static void parting_BIN(const BIN_T *bins, const parting_trees_BIN *forest, double *sums,
                        size_t rows)
{
    uint8_t places[4 * BLOCK];
    const double *found[4], *leaves = forest->leaves;
    size_t counts[4], split = 0;
    for (size_t t = 0; t < forest->trees; t++) {
        uint8_t *place = places + t % 4 * BLOCK;
        memset(place, 0, rows);
        for (unsigned to = 1; to <= forest->splits[t]; to++, split++)
            part_BIN(place, bins + (size_t)forest->columns[split] * BLOCK, forest->cuts[split],
                     forest->from[split], (uint8_t)to, rows);
        found[t % 4] = leaves;
        counts[t % 4] = forest->splits[t] + (size_t)1;
        leaves += counts[t % 4] * forest->outputs;
        if (t % 4 == 3 || t + 1 == forest->trees)
            add_trees(found, counts, t % 4 + 1, places, forest->outputs, sums, rows);
    }
}

/* part: node */
typedef struct {
    uint32_t next;
    uint16_t column, cut;
} node;

enum { ABREAST = 8 };

/* part: walking */
typedef struct {
    const uint8_t *splits, *from;
    const uint16_t *columns;
    const BIN_T *cuts;
    const uint32_t *starts;
    const node *nodes;
    const double *leaves;
    size_t trees, outputs;
} walking_trees_BIN;

/* Large trees: the uppermost splits for all rows, then node by node, several rows abreast so
   that none waits for memory alone. The children of a node lie at `next` and behind it; a leaf
   is its own next. */
static void walking_BIN(const BIN_T *bins, const walking_trees_BIN *forest, double *sums,
                        size_t rows)
{
    const node *nodes = forest->nodes;
    const uint32_t *starts = forest->starts;
    uint8_t place[BLOCK];
    size_t split = 0;
    for (size_t t = 0; t < forest->trees; t++) {
        memset(place, 0, rows);
        for (unsigned to = 1; to <= forest->splits[t]; to++, split++)
            part_BIN(place, bins + (size_t)forest->columns[split] * BLOCK, forest->cuts[split],
                     forest->from[split], (uint8_t)to, rows);
        for (size_t first = 0; first < rows; first += ABREAST) {
            uint32_t at[ABREAST], moved;
            size_t row[ABREAST];
            for (size_t q = 0; q < ABREAST; q++) {
                row[q] = first + q < rows ? first + q : rows - 1;
                at[q] = starts[place[row[q]]];
            }
            do {
                moved = 0;
                for (size_t q = 0; q < ABREAST; q++) {
                    node here = nodes[at[q]];
                    uint32_t next = here.next + (bins[here.column * BLOCK + row[q]] > here.cut);
                    moved |= next ^ at[q];
                    at[q] = next;
                    ONE_BY_ONE;
                }
            } while (moved);
            for (size_t k = 0; k < forest->outputs; k++)
                for (size_t q = 0; q < ABREAST && first + q < rows; q++)
                    sums[k * BLOCK + first + q] += forest->leaves[at[q] * forest->outputs + k];
        }
        starts += forest->splits[t] + (size_t)1;
    }
}
