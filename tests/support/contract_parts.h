#pragma once
/*
 * Contract parts
 *
 * The bundled document as far as this process has asked for it: $EXPRESS_CONTRACT_PARTS has a line
 * for each operation and each component (contract_parts.py). Reading the whole would take longer
 * than most tests do, and each test is a process.
 */
#include "base/annotate.h"

#include <jansson.h>
#include <stdbool.h>

struct text;

/*
 * contract_parts_open() - the document with all its paths, but without what they hold
 * @ret_document: borrowed until the process ends; grows as parts are read
 *
 * Return: true; else a line in @faults says why not.
 */
MUST_CHECK bool contract_parts_open(struct text *faults, const json_t **ret_document);
/*
 * contract_parts_read() - puts the part at /@top/@group/@name, and whatever it refers to, in its
 * place in the document, if there is such a part and it is not there yet
 */
void contract_parts_read(const char *top, const char *group, const char *name);
