/* part: sigmoid */
static double sigmoid(double x)
{
    return 1.0 / (1.0 + exp(-x));
}

/* part: softmax */
/* In place; the numbers lie `stride` apart. */
static void softmax(double *x, size_t count, size_t stride)
{
    double largest = x[0], sum = 0.0;
    for (size_t k = 1; k < count; k++)
        largest = x[k * stride] > largest ? x[k * stride] : largest;
    for (size_t k = 0; k < count; k++)
        sum += x[k * stride] = exp(x[k * stride] - largest);
    for (size_t k = 0; k < count; k++)
        x[k * stride] /= sum;
}

/* part: curve */
/* Straight lines between knots, flat beyond the first and the last. */
static double curve(const double *knots, const double *values, size_t count, double x)
{
    size_t low = 0, high = count - 1;
    if (x <= knots[0])
        return values[0];
    if (x >= knots[count - 1])
        return values[count - 1];
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (knots[middle] <= x)
            low = middle;
        else
            high = middle;
    }
    return (values[high] - values[low]) / (knots[high] - knots[low]) * (x - knots[low])
           + values[low];
}

/* part: root */
/* (power * x + 1) ^ (1 / power); at power 0 the limit of that. */
static double root(double x, double power)
{
    return power == 0.0 ? exp(x) : pow(fmax(power * x + 1.0, SMALLEST_BASE), 1.0 / power);
}

/* part: inside */
/* A probability, kept from 0 and 1 before a logarithm is taken. */
static double inside(double p)
{
    return fmin(fmax(p, SMALLEST_PROBABILITY), 1.0 - SMALLEST_PROBABILITY);
}

/* part: ascending */
static void ascending(double *x, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        double value = x[i];
        size_t k = i;
        for (; k > 0 && x[k - 1] > value; k--)
            x[k] = x[k - 1];
        x[k] = value;
    }
}

/* part: argmax */
static size_t argmax(const double *x, size_t count)
{
    size_t best = 0;
    for (size_t k = 1; k < count; k++)
        best = x[k] > x[best] ? k : best;
    return best;
}
