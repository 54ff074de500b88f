/*
 * A planted race
 *
 * A program of its own, as the server is: ThreadSanitizer and Criterion do not
 * go together. See planted_faults.sh. Never part of the build.
 */
#include <pthread.h>
#include <stddef.h>

static int counter;

static void *count(void *unused)
{
    for (int i = 0; i < 100000; i++)
        counter++;
    return unused;
}

int main(void)
{
    pthread_t threads[2];

    for (int i = 0; i < 2; i++)
        if (pthread_create(&threads[i], NULL, count, NULL) != 0)
            return 2;
    for (int i = 0; i < 2; i++)
        if (pthread_join(threads[i], NULL) != 0)
            return 2;
    return 0;
}
