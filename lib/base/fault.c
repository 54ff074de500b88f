#include "base/fault.h"

#include "base/log.h"

#include <errno.h>

int fault_raise_at(int error, const char *file, int line)
{
    if (error >= 0)
        error = -EIO;
    log_error("fault.raised", "error=%d at=%s:%d", -error, file, line);
    return error;
}

int fault_fold_at(int result, const char *file, int line)
{
    if (result <= 0)
        return result;
    log_error("fault.outcome_forgotten", "outcome=%d at=%s:%d", result, file, line);
    return -EPROTO;
}
