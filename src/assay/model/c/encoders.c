/* part: codes */
/* The codes of a category as places of a table; what is no code is the last one, unseen. */
static void read_codes(const double *restrict column, uint32_t unseen, uint32_t *restrict codes,
                       size_t rows)
{
    for (size_t r = 0; r < rows; r++)
        codes[r] = column[r] >= 0.0 && column[r] < unseen ? (uint32_t)column[r] : unseen;
}

/* part: find */
typedef struct {
    const char *text;
    double code;
} known_text;

/* The code of a text in a table sorted by bytes. */
static double find_code(const known_text *known, size_t count, double unseen, const char *text)
{
    size_t low = 0, high = count;
    if (text == NULL || text[0] == '\0')
        return 0.0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(known[middle].text, text);
        if (order == 0)
            return known[middle].code;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return unseen;
}

/* part: number */
static void number(const double *restrict column, double fill, double low, double high,
                   double offset, float *restrict feature, size_t rows)
{
    for (size_t r = 0; r < rows; r++) {
        double value = column[r] != column[r] ? fill : column[r];
        value = value < low ? low : value;
        value = value > high ? high : value;
        feature[r] = (float)(value - offset);
    }
}

/* part: absent_number */
static void absent_number(const double *restrict column, float *restrict feature, size_t rows)
{
    for (size_t r = 0; r < rows; r++)
        feature[r] = column[r] != column[r] ? 1.0f : 0.0f;
}

/* part: absent_text */
static void absent_text(const uint32_t *restrict codes, float *restrict feature, size_t rows)
{
    for (size_t r = 0; r < rows; r++)
        feature[r] = codes[r] == 0 ? 1.0f : 0.0f;
}

/* part: level */
static void level(const uint32_t *restrict codes, const float *restrict table,
                  float *restrict feature, size_t rows)
{
    for (size_t r = 0; r < rows; r++)
        feature[r] = table[codes[r]];
}

/* part: one_hot */
static void one_hot(const uint32_t *restrict codes, const uint32_t *restrict places, size_t width,
                    float *restrict features, size_t rows)
{
    for (size_t k = 0; k < width; k++)
        for (size_t r = 0; r < rows; r++)
            features[k * BLOCK + r] = 0.0f;
    for (size_t r = 0; r < rows; r++)
        features[places[codes[r]] * BLOCK + r] = 1.0f;
}

/* part: cross */
typedef struct {
    uint64_t pair;
    float value;
} known_pair;

/* The value of a pair of codes in a table sorted by pair. */
static void cross(const uint32_t *restrict one, const uint32_t *restrict other,
                  const known_pair *known, size_t count, float unseen, float *restrict feature,
                  size_t rows)
{
    for (size_t r = 0; r < rows; r++) {
        uint64_t pair = (uint64_t)one[r] << 32 | other[r];
        size_t low = 0, high = count;
        while (low < high) {
            size_t middle = low + (high - low) / 2;
            if (known[middle].pair < pair)
                low = middle + 1;
            else
                high = middle;
        }
        feature[r] = low < count && known[low].pair == pair ? known[low].value : unseen;
    }
}

/* part: pair */
static void OPERATION_pair(const double *restrict one, const double *restrict other, double fill,
                           double low, double high, float *restrict feature, size_t rows)
{
    for (size_t r = 0; r < rows; r++) {
        double value = one[r] OPERATOR other[r];
        value = value != value ? fill : value;
        value = value < low ? low : value;
        value = value > high ? high : value;
        feature[r] = (float)value;
    }
}

/* part: date */
enum { YEAR, MONTH, DAY, WEEKDAY, DAY_OF_YEAR, HOUR, PARTS };

/* Parts of a day since 1970-01-01, bounded to the years 1 to 9999. Source: C. Neri and
   L. Schneider, Euclidean affine functions and their application to calendar algorithms (2023);
   years begin on 1 March, whose place in a year is 0. */
static void calendar(double days, float parts[PARTS])
{
    double bounded = fmin(fmax(days, -719162.0), 2932896.0);
    double whole = floor(bounded);
    int64_t since_march = (int64_t)whole + 719468;
    int64_t of_400_years = 4 * since_march + 3;
    int64_t of_100_years = 4 * (of_400_years % 146097 / 4) + 3;
    int64_t march_day = of_100_years % 1461 / 4;
    int late = march_day >= 306;
    int64_t year = 100 * (of_400_years / 146097) + of_100_years / 1461 + late;
    int leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    double microseconds = floor((bounded - whole) * 86400000000.0 + 0.5);
    parts[YEAR] = (float)year;
    parts[MONTH] = (float)((2141 * march_day + 132377) / 65536 % 12 + 1);
    parts[DAY] = (float)((2141 * march_day + 197913) % 65536 / 2141 + 1);
    parts[WEEKDAY] = (float)((since_march + 2) % 7);
    parts[DAY_OF_YEAR] = (float)(march_day + 1 + (late ? -306 : 59 + leap));
    parts[HOUR] = (float)fmin(floor(microseconds / 3600000000.0), 23.0);
}

static void date(const double *restrict column, double fill, const unsigned char *wanted,
                 size_t width, float *restrict features, size_t rows)
{
    for (size_t r = 0; r < rows; r++) {
        float parts[PARTS];
        calendar(column[r] != column[r] ? fill : column[r], parts);
        for (size_t k = 0; k < width; k++)
            features[k * BLOCK + r] = parts[wanted[k]];
    }
}
