#include "support/leaks.h"

#include <stdlib.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ADDRESS_SANITIZER
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define WITH_ADDRESS_SANITIZER
#endif

#ifdef WITH_ADDRESS_SANITIZER
#include <sanitizer/lsan_interface.h>

void test_ends_without_leaks(void)
{
    if (__lsan_do_recoverable_leak_check() != 0)
        abort();
}
#else
void test_ends_without_leaks(void)
{
}
#endif
