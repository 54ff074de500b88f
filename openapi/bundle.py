#!/usr/bin/env python3
"""Make the contract out of its parts.

    bundle.py SOURCE_DIR OUT.json OUT.yaml

SOURCE_DIR holds express.yaml (the root), common.yaml (what every record has), components.yaml
(what resources share) and resources/*.yaml (one resource each). Out comes one OpenAPI 3.1
document, twice. The same parts always give the same bytes. paths/*.yaml hold what is written by
hand: paths with the tags, parameters, schemas and responses that only they need.

What is written once in a part and derived here for every resource:
  - the schema of a record (common + own properties + records that refer to it) and of its list;
  - the schemas of what is sent: of a whole record (…Write), by which the server judges, and of a
    merge patch (…Patch);
  - the parameters: filters from x-filter, `sort` from x-sort, `facets` from x-facet, `fields`
    from the properties, `include` and the lists of related records from x-relation;
  - the operations: list, read, lists of related records, batch-get, create, replace, patch,
    delete, working copy;
  - the examples of all these answers, from the one example of the resource.

In parts, `$ref: Name` means the schema Name, and a relation is a `$ref: Reference` (or a list of
them) with x-relation: the resource it leads to. `x-include: false` keeps a relation from being
embedded, `x-related: false` keeps the other side from listing the record; both are used up here.
`x-filter` may name the filter: `closes` makes `closes`, `closes_after` and `closes_before` of a date.
`x-timed` marks what is computed from the facts of a record and from what time it is: it is stored
nowhere, yet can be filtered and sorted by.
`x-verify-days` of a resource says after how many days somebody should look again at a record,
`x-admin-only` that administrators alone write its records, `x-calendar` that it has dates for a calendar.
"""
import json
import re
import sys
from pathlib import Path

import yaml

SCHEMA = "#/components/schemas/"
PARAMETER = "#/components/parameters/"
FORMATS = {"json": "application/json", "ndjson": "application/x-ndjson", "csv": "text/csv",
           "geojson": "application/geo+json", "ics": "text/calendar"}
CALENDARS = (" `ics` is never a page. An event that has left the list within the last 90 days, because "
             "its record was changed, closed or withdrawn while the event lay ahead, is in it as "
             "`CANCELLED` with a higher `SEQUENCE`, of the latest 500 such changes among the latest 5 000 "
             "changes of all records of its kind; of what leaves it "
             "with time alone, such as by `days_left_min`, nothing is said, for it still holds.")
LIMITS = ("type", "format", "enum", "pattern", "minLength", "maxLength", "minimum", "maximum")
STATUS = {"NotModified": "304", "Moved": "308", "InvalidParameter": "400", "InvalidBody": "400",
          "Unauthenticated": "401", "Forbidden": "403", "NotFound": "404", "NotAcceptable": "406",
          "Conflict": "409", "Gone": "410", "PreconditionFailed": "412", "StaleCopy": "412",
          "TooLarge": "413", "UriTooLong": "414", "UnsupportedMediaType": "415",
          "ValidationFailed": "422", "PreconditionRequired": "428", "TooManyRequests": "429",
          "Unavailable": "503"}
PARTS = ("parameters", "schemas", "responses")
DATES = ("date", "date-time", "partial-date")
Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
VERIFY_DAYS = 365  # a year: what most directories promise to look at again


def fail(text):
    sys.exit(f"bundle.py: {text}")


def read_yaml(path):
    with open(path, encoding="utf-8") as file:
        return yaml.load(file, Loader=Loader)


def snake(path):
    return path.replace("-", "_")


def pascal(path):
    return "".join(word.capitalize() for word in path.split("-"))


def words(name):
    """MentoringProgramme -> mentoring programme"""
    return re.sub(r"(?<!^)([A-Z])", r" \1", name).lower()


def quoted(names):
    return ", ".join(f"`{name}`" for name in names)


def a(noun):
    return ("an " if noun[0] in "aeio" else "a ") + noun


def expand_refs(node):
    """$ref: Name -> $ref: #/components/schemas/Name, everywhere."""
    if isinstance(node, list):
        return [expand_refs(item) for item in node]
    if not isinstance(node, dict):
        return node
    ref = node.get("$ref")
    if isinstance(ref, str) and "/" not in ref:
        node = {**node, "$ref": SCHEMA + ref}
    return {key: expand_refs(value) for key, value in node.items()}


class Contract:
    def __init__(self, source):
        self.root = read_yaml(source / "express.yaml")
        self.common = read_yaml(source / "common.yaml")
        self.shared = read_yaml(source / "components.yaml")
        for path in sorted((source / "paths").glob("*.yaml")):
            self.add_part(path.name, read_yaml(path))
        self.names = self.root.pop("x-resources")
        present = sorted(path.stem for path in (source / "resources").glob("*.yaml"))
        if present != sorted(self.names):
            fail("x-resources of express.yaml and the files of resources/ differ: "
                 + ", ".join(sorted(set(present) ^ set(self.names))))
        self.resources = {name: read_yaml(source / "resources" / f"{name}.yaml")
                          for name in self.names}
        for name, resource in self.resources.items():
            if resource["path"] != name:
                fail(f"resources/{name}.yaml: path is {resource['path']}")
        self.schemas = self.shared["schemas"]
        self.schemas["ResourceName"] = {"type": "string", "enum": self.names,
                                        "description": "Name of a resource in addresses."}
        self.parameters = dict(self.shared["parameters"])
        self.reserved = {parameter["name"] for parameter in self.parameters.values()
                         if parameter["in"] == "query"}
        self.reserved |= {"sort", "fields", "include", "facets", "format"}
        for resource in self.resources.values():
            self.complete(resource)
        for resource in self.resources.values():
            resource["reverse"] = self.reverse(resource)

    def add_part(self, name, part):
        for section in ("paths", *PARTS):
            known = self.root["paths"] if section == "paths" else self.shared[section]
            added = part.pop(section, {})
            if known.keys() & added.keys():
                fail(f"paths/{name}: {', '.join(known.keys() & added.keys())} is there already")
            known.update(added)
        self.root["tags"] += part.pop("tags", [])
        if part:
            fail(f"paths/{name}: nobody reads {', '.join(part)}")

    def complete(self, resource):
        """Own and common properties in the order of the API."""
        days = resource.setdefault("x-verify-days", VERIFY_DAYS)
        if not isinstance(days, int) or not 1 <= days <= 36500:
            fail(f"{resource['path']}: x-verify-days is no number of days")
        properties = {**self.common["first"], **resource["properties"], **self.common["last"]}
        if len(properties) != sum(map(len, (self.common["first"], resource["properties"],
                                            self.common["last"]))):
            fail(f"{resource['path']}: a property has the name of a common one")
        resource["located"] = "location" in resource["properties"]
        if resource["located"]:
            properties.update(self.common["located"])
        if resource["label"] not in properties:
            fail(f"{resource['path']}: no property {resource['label']} to name a record by")
        resource["all"] = properties

    def resolve(self, node):
        ref = node.get("$ref", "").removeprefix(SCHEMA)
        if not ref:
            return node
        if ref not in self.schemas:
            fail(f"there is no schema {ref}")
        return {**self.schemas[ref], **{key: value for key, value in node.items() if key != "$ref"}}

    def walk(self, properties, prefix="", lists=0):
        """All properties, inner ones too: (path, as written, resolved, lists around it)."""
        for name, node in properties.items():
            path = prefix + name
            full = self.resolve(node)
            yield path, node, full, lists
            if "x-relation" in node:
                continue
            if full.get("type") == "array":
                item = self.resolve(full["items"])
                if "properties" in item:
                    yield from self.walk(item["properties"], path + ".", lists + 1)
            elif "properties" in full and (full.get("x-timed") or not full.get("readOnly")):
                yield from self.walk(full["properties"], path + ".", lists)

    def relations(self, resource):
        """(path, target, may be embedded, is listed on the other side)"""
        for path, node, full, lists in self.walk(resource["all"]):
            if "x-relation" in node:
                many = full.get("type") == "array"
                embeds = node.get("x-include", True) and not (lists and many)
                yield path, node["x-relation"], embeds, node.get("x-related", True)

    def reverse(self, resource):
        """Resources that refer to this one, with the properties they do it by."""
        found = []
        for other in self.resources.values():
            through = [path for path, target, _, listed in self.relations(other)
                       if target == resource["path"] and listed]
            if through:
                found.append((other, through))
        return found

    def embedded(self, resource):
        """Those of them that can be embedded: where a property has the name already, it stands."""
        return [(other, through) for other, through in resource["reverse"]
                if snake(other["path"]) not in resource["all"]]

    # Schemas

    def output(self, node, embeds=True, lists=0):
        """A property as it stands in the document."""
        node = dict(node)
        embeds = node.pop("x-include", True) and embeds
        node.pop("x-related", None)
        target = node.get("x-relation")
        if target:
            many = node.get("type") == "array"
            if embeds and not (lists and many):
                either = [{"$ref": "Reference"}, {"$ref": self.resources[target]["schema"]}]
                if many:
                    node["items"] = {"anyOf": either}
                else:
                    del node["$ref"]
                    node = {"anyOf": either, **node}
            return node
        if "properties" in node:
            node["properties"] = {name: self.output(inner, embeds, lists)
                                  for name, inner in node["properties"].items()}
        if "properties" in node.get("items", {}):
            node["items"] = self.output(node["items"], embeds, lists + 1)
        return node

    def record_schema(self, resource):
        properties = {name: self.output(node) for name, node in resource["all"].items()}
        for name in {**self.common["first"], **self.common["last"]}:
            properties[name].setdefault("x-common", True)
        for other, through in self.embedded(resource):
            properties[snake(other["path"])] = {
                "type": "array", "items": {"$ref": other["schema"]}, "readOnly": True,
                "x-computed": True,
                "description": f"{other['tag']} that refer to this record (by {quoted(through)}). "
                               f"Only with `include={snake(other['path'])}`."}
        return {
            "type": "object", "description": resource["description"],
            "required": ["id", "slug", resource["label"]],
            "properties": properties, "additionalProperties": False,
            "x-resource": {
                "path": resource["path"], "title": resource["tag"], "label": resource["label"],
                "table": snake(resource["path"]), "required": resource["required"],
                "verify_days": resource["x-verify-days"],
                **({"calendar": True} if resource.get("x-calendar") else {}),
                **({"admin_only": True} if resource.get("x-admin-only") else {}),
                "related": [{"name": snake(other["path"]), "resource": other["path"],
                             "through": through} for other, through in resource["reverse"]]}}

    def is_written_as_read(self, node):
        """Has a schema nothing in it that is written in another way than it is read?"""
        full = self.resolve(node)
        inner = [*full.get("properties", {}).values(), *([full["items"]] if "items" in full else [])]
        return not (full.get("readOnly") or full.get("x-computed") or "x-relation" in node) and all(
            self.is_written_as_read(member) for member in inner)

    def written(self, node):
        """A property in the shape in which it is written: without what the server sets, relations
        by id or slug."""
        full = self.resolve(node)
        if "x-relation" in node:
            if full.get("type") == "array":
                node = {**node, "items": {"$ref": "ReferenceWrite"}}
            else:
                node = {**node, "$ref": "ReferenceWrite"}
        elif "$ref" in node and not self.is_written_as_read(node):
            node = full
        node = {key: value for key, value in node.items() if not key.startswith("x-")}
        if "properties" in node:
            node["properties"] = self.written_properties(node["properties"])
        if "items" in node:
            node["items"] = self.written(node["items"])
        return node

    def written_properties(self, properties):
        return {name: self.written(node) for name, node in properties.items()
                if not self.resolve(node).get("readOnly") and not node.get("x-computed")}

    def write_schema(self, resource):
        noun = words(resource["schema"])
        return {"type": "object",
                "description": f"{a(noun).capitalize()} as it is written: what the server sets is "
                               "left out, other records are named by `id` or `slug`.",
                "required": resource["required"],
                "properties": self.written_properties(resource["all"]),
                "additionalProperties": False}

    def patched(self, node, removable):
        """A property in a merge patch; the inner parts are told by the schema of the whole."""
        full = self.resolve(node)
        kinds = [full["type"], *(["null"] if removable else [])] if "type" in full else None
        if kinds is None or ("$ref" in node and full["type"] != "object"):
            plain = {"$ref": node["$ref"]}
            return {"anyOf": [plain, {"type": "null"}]} if removable else plain
        patched = {"type": kinds if removable else kinds[0]}
        if full["type"] == "object":
            return patched
        patched.update({key: node[key] for key in LIMITS if key in node and key != "type"})
        if "enum" in node and removable:
            patched["enum"] = [*node["enum"], None]
        if full["type"] == "array":
            items = node["items"]
            patched["items"] = {"type": "object"} if "properties" in items else items
        return patched

    def patch_schema(self, resource, write):
        lasting = {"slug", "language", "owner", *resource["required"]}
        return {"type": "object",
                "description": f"Changes as a JSON merge patch (RFC 7396): what is absent stays, "
                               f"`null` removes. All else is as in `{resource['schema']}Write`.",
                "properties": {name: self.patched(node, name not in lasting)
                               for name, node in write["properties"].items()},
                "additionalProperties": False}

    def list_schema(self, resource):
        noun = words(resource["schema"])
        return {"type": "object", "description": f"A page of a list; each record is {a(noun)}.",
                "required": ["data", "page"],
                "properties": {
                    "data": {"type": "array", "description": "The records, in the order asked for.",
                             "items": {"$ref": resource["schema"]}},
                    "page": {"$ref": "Page"}, "facets": {"$ref": "Facets"},
                    "meta": {"$ref": "ListMeta"}},
                "additionalProperties": False}

    def batch_schema(self, resource):
        ids = {"type": "array", "items": {"type": "string", "format": "uuid"}}
        return {"type": "object", "description": "What has become of the records asked for.",
                "required": ["data", "unchanged", "missing", "gone"],
                "properties": {
                    "data": {"type": "array", "items": {"$ref": resource["schema"]},
                             "description": "Records whose copy is old or absent, in full."},
                    "unchanged": {**ids, "description": "Records whose ETag is still right."},
                    "missing": {**ids, "description": "Identifiers that no public record has."},
                    "gone": {**ids, "description": "Deleted records; delete the copies."}},
                "additionalProperties": False}

    # Parameters

    def add_parameter(self, resource, name, description, schema, **more):
        key = f"{resource['path']}.{name}"
        if "x-filter" in more and name in self.reserved:
            fail(f"{resource['path']}: the filter {name} has the name of a general parameter")
        self.parameters[key] = {"name": name, "in": "query", "description": description, **more,
                                "schema": schema}
        return {"$ref": PARAMETER + key}

    def filters(self, resource):
        for path, node, full, lists in self.walk(resource["all"]):
            named = full.get("x-filter")
            if named is not True and not isinstance(named, str):
                continue
            name = path if named is True else named
            many = bool(lists) or full.get("type") == "array"
            base = node.get("items", full) if full.get("type") == "array" else node
            value = self.resolve(base)
            text = full["description"]
            relation = "x-relation" in node
            kind, form = value.get("type"), value.get("format")
            if relation:
                text += " By `id` or `slug`."
            if kind == "boolean":
                schema = {"type": "boolean"}
            elif relation:
                schema = {"$ref": "FilterValues"}
            else:
                typed = {key: value[key] for key in LIMITS if key in value}
                if "$ref" in base:
                    typed = {"$ref": base["$ref"]}
                schema = {"anyOf": [typed, {"$ref": "FilterValues"}]}
            more = {"x-filter": {"property": path, "operator": "eq"}}
            if many:
                schema = {"type": "array", "items": schema, "maxItems": 64}
                text += " Repeat the parameter for records that have all of several values."
                more = {"style": "form", "explode": True, **more}
            yield self.add_parameter(resource, name, text, schema, **more)
            bounds = ()
            if many:  # which of several values would a bound be about?
                continue
            if form in DATES:
                bounds = (("after", "On or after this date."),
                          ("before", "On or before this date."))
                bound = {"type": "string", "format": form}
                if "$ref" in base:
                    bound = {"$ref": base["$ref"]}
            elif (kind in ("integer", "number") or form == "decimal") and "enum" not in value:
                bounds = (("min", "At least this much."), ("max", "At most this much."))
                bound = {"type": "number" if form == "decimal" else kind}
            for operator, rule in bounds:
                yield self.add_parameter(
                    resource, f"{name}_{operator}", f"{full['description']} {rule}", bound,
                    **{"x-filter": {"property": path, "operator": operator}})

    def choice(self, resource, name, values, most, description):
        return self.add_parameter(
            resource, name, description,
            {"type": "array", "items": {"type": "string", "enum": values}, "minItems": 1,
             "maxItems": min(most, len(values))}, style="form", explode=False)

    def make_parameters(self, resource):
        """Sets resource["list"], ["read"] and ["batch"]: the parameters of the three operations."""
        def shared(*names):
            return [{"$ref": PARAMETER + name} for name in names]

        paths = list(self.walk(resource["all"]))
        sorts = [path for path, _, full, lists in paths if full.get("x-sort") is True and not lists]
        order = [key for path in sorts for key in (path, "-" + path)]
        order += ["relevance"] + (["distance"] if resource["located"] else [])
        order_text = "`relevance` goes with `q`" + (
            ", `distance` with `near`" if resource["located"] else "")
        counted = [path for path, _, full, _ in paths if full.get("x-facet") is True]
        embedded = [path for path, _, embeds, _ in self.relations(resource) if embeds]
        embedded += [snake(other["path"]) for other, _ in self.embedded(resource)]
        formats = [name for name in FORMATS if (name != "geojson" or resource["located"])
                   and (name != "ics" or resource.get("x-calendar"))]

        fields = self.choice(resource, "fields", list(resource["all"]), 100,
                             "Only these properties; the identifier, the slug and the name of the "
                             "record are always there.")
        include = self.choice(resource, "include", embedded, 10,
                              "Relations to embed: whole records in place of references, and lists "
                              "of records that refer to this one.")
        sort = self.choice(resource, "sort", order, 4,
                           f"Order of the list: properties, `-` before them for descending; "
                           f"{order_text}. Ties go by `id`. Without an order, what fits `q` best or "
                           "is nearest comes first, else what changed last (`-updated_at`).")
        facets = self.choice(resource, "facets", counted, 10, "Properties whose values to count.")
        form = self.add_parameter(resource, "format",
                                  "Format of the answer; goes before the header `Accept`. All but "
                                  "`json` are streams of the whole list, unless `limit` or `cursor` "
                                  "asks for a page." + (CALENDARS if "ics" in formats else ""),
                                  {"type": "string", "enum": formats, "default": "json"})
        view = [fields, include] + shared("lang", "acceptLanguage")
        resource["read"] = shared("id") + view + shared(
            "as_of", *(["recordFormat"] if resource.get("x-calendar") else []), "ifNoneMatch")
        resource["batch"] = view
        resource["list"] = [
            *shared("limit", "cursor"), sort, *shared("count"), fields, include, facets,
            *shared("q", "highlights"),
            *(shared("near", "radius_km", "bbox") if resource["located"] else ()),
            *shared("ids", "stale", "as_of", "lang", "acceptLanguage"), form,
            *shared("ifNoneMatch"),
            *self.filters(resource)]

    # Examples

    def written_example(self, node, value):
        """A value of an example of reading, as it is written; lists are cut short."""
        full = self.resolve(node)
        if "x-relation" in node:
            return [item["slug"] for item in value[:2]] if isinstance(value, list) else value["slug"]
        if isinstance(value, list):
            return [self.written_example(full["items"], item) for item in value[:2]]
        if isinstance(value, dict):
            return {name: self.written_example(full["properties"][name], inner)
                    for name, inner in value.items()}
        return value

    def write_example(self, resource):
        """Without slug and origin, which an editor seldom sends."""
        return {name: self.written_example(resource["all"][name], value)
                for name, value in resource["example"].items()
                if name not in ("slug", "source", "owner", "translations", "verified_at")
                and not self.resolve(resource["all"][name]).get("readOnly")}

    def patch_example(self, resource):
        """One text changed, and one property removed where there is one to spare."""
        example, label = self.write_example(resource), resource["label"]
        spare = [name for name, value in example.items()
                 if name not in resource["required"] and name != "language"]
        return {label: example[label], **({spare[-1]: None} if spare else {})}

    def add_examples(self, resource):
        name, noun = resource["schema"], words(resource["schema"])
        copy = {key: value for key, value in resource["example"].items() if key != "links"}
        copy["links"] = {"self": f"/v1/{resource['path']}/{copy['slug']}"}
        self.examples[name] = {"summary": f"{a(noun).capitalize()} of the catalogue", "value": copy}
        self.examples[name + "Write"] = {"summary": f"{a(noun).capitalize()} to be written",
                                         "value": self.write_example(resource)}

    # Operations

    def response(self, description, headers, content):
        return {"description": description, "headers": {"$ref": headers}, "content": content}

    def problems(self, *names):
        return {STATUS[name]: {"$ref": f"#/components/responses/{name}"} for name in names}

    def list_response(self, resource):
        """The answer of a list, shared by all operations that give it."""
        example = {name: value for name, value in resource["example"].items()
                   if not resource["all"][name].get("x-detail")}
        label, place = resource["label"], example.get("location")
        content = {
            "application/json": {
                "schema": {"$ref": resource["schema"] + "List"},
                "example": {"data": [example],
                            "page": {"limit": 20, "next": None, "previous": None}}},
            "application/x-ndjson": {
                "schema": {"type": "string",
                           "description": "One record a line, each a JSON object."},
                "example": f'{{"id":"{example["id"]}","slug":"{example["slug"]}"}}\n'},
            "text/csv": {
                "schema": {"type": "string",
                           "description": "A line of names, then one record a line (RFC 4180); "
                                          "inner properties have dotted names."},
                "example": f"id,slug,{label}\r\n"
                           f"{example['id']},{example['slug']},\"{example[label]}\"\r\n"}}
        if resource["located"]:
            point = place and {"type": "Point", "coordinates": [place["lon"], place["lat"]]}
            content["application/geo+json"] = {
                "schema": {"$ref": "FeatureCollection"},
                "example": {"type": "FeatureCollection", "features": [{
                    "type": "Feature", "id": example["id"], "geometry": point,
                    "properties": {"slug": example["slug"], label: example[label]}}]}}
        if resource.get("x-calendar"):
            content["text/calendar"] = self.calendar_content()
        return self.response("A page of the list, or the whole list as a stream.", "listHeaders",
                             content)

    def calendar_content(self):
        return {"schema": {"type": "string",
                           "description": "Events of a calendar (RFC 5545). What is called off "
                                          "or not public any more is CANCELLED."},
                "example": "BEGIN:VCALENDAR\r\nVERSION:2.0\r\n"
                           "PRODID:-//EXPRESS//express-api//EN\r\nEND:VCALENDAR\r\n"}

    def record_content(self, resource):
        return {"application/json": {"schema": {"$ref": resource["schema"]},
                                     "example": resource["example"]},
                **({"text/calendar": self.calendar_content()} if resource.get("x-calendar")
                   else {})}

    def list_operation(self, resource, operation, summary, description, of_record=False):
        more = ("Moved", "NotFound", "Gone") if of_record else ()
        answers = self.problems("NotModified", *more, "InvalidParameter", "NotAcceptable",
                                "PreconditionFailed", "UriTooLong", "TooManyRequests",
                                "Unavailable")
        parameters = [{"$ref": PARAMETER + "id"}] if of_record else []
        return {"operationId": operation, "tags": [resource["tag"]], "summary": summary,
                "description": description, "parameters": parameters + resource["list"],
                "responses": {"200": {"$ref": f"#/components/responses/{resource['schema']}List"},
                              **dict(sorted(answers.items()))}}

    def read_operation(self, resource):
        noun = words(resource["schema"])
        return {"operationId": f"get{resource['schema']}", "tags": [resource["tag"]],
                "summary": f"Read {a(noun)}", "description": f"One {noun}, by identifier or slug.",
                "parameters": resource["read"],
                "responses": {
                    "200": self.response("The record.", "recordHeaders",
                                         self.record_content(resource)),
                    **self.problems("NotModified", "Moved", "InvalidParameter", "NotFound",
                                    "NotAcceptable", "Gone", "PreconditionFailed",
                                    "TooManyRequests", "Unavailable")}}

    def batch_operation(self, resource):
        example = resource["example"]
        return {"operationId": f"batchGet{pascal(resource['path'])}", "tags": [resource["tag"]],
                "summary": f"Read many {resource['tag'].lower()}",
                "description": "Up to 100 records at once. With the ETags of the copies at hand "
                               "only those come that have changed, and it is said which are gone.",
                "parameters": resource["batch"],
                "requestBody": {
                    "required": True,
                    "description": "Which records, and which copies are at hand.",
                    "content": {"application/json": {
                        "schema": {"$ref": "BatchRequest"},
                        "example": {"items": [{"id": example["id"],
                                               "etag": "5f2c9d0e81b7a364"}]}}}},
                "responses": {
                    "200": self.response("What has become of the records.", "batchHeaders", {
                        "application/json": {
                            "schema": {"$ref": resource["schema"] + "Batch"},
                            "example": {"data": [example], "unchanged": [], "missing": [],
                                        "gone": []}}}),
                    **self.problems("InvalidBody", "NotAcceptable", "TooLarge", "ValidationFailed",
                                    "UnsupportedMediaType", "TooManyRequests", "Unavailable")}}

    def copy_response(self, resource, headers="workingCopyHeaders"):
        return self.response("The working copy.", headers, {"application/json": {
            "schema": {"$ref": resource["schema"]},
            "examples": {"record": {"$ref": f"#/components/examples/{resource['schema']}"}}}})

    def write_body(self, resource):
        return {"required": True, "description": "The whole record.", "content": {
            "application/json": {
                "schema": {"$ref": resource["schema"] + "Write"},
                "examples": {"record": {
                    "$ref": f"#/components/examples/{resource['schema']}Write"}}}}}

    def write_operation(self, resource, verb, summary, description, parameters, responses, more):
        """An operation that needs a token; @more: names of further answers."""
        answers = self.problems(*more, "Unauthenticated", "Forbidden", "NotAcceptable",
                                "TooManyRequests", "Unavailable")
        return {"operationId": verb + resource["schema"], "tags": [resource["tag"]],
                "summary": summary, "description": description,
                "security": [{"oauth": ["read" if verb == "get" else "write"]}],
                "parameters": [{"$ref": PARAMETER + name} for name in parameters],
                "responses": {**responses, **dict(sorted(answers.items()))}}

    def create_operation(self, resource):
        noun, name = words(resource["schema"]), resource["schema"]
        operation = self.write_operation(
            resource, "create", f"Create {a(noun)}",
            "A new draft, which the public does not see before it is published. Without a `slug` "
            "one is made of its name; without an `owner` it belongs to your organisation. 404 and "
            "410 answer an `Idempotency-Key` whose record you may not see any more.",
            ["dryRun", "idempotencyKey"],
            {"201": self.copy_response(resource, "createdHeaders")},
            ["InvalidBody", "NotFound", "Conflict", "Gone", "TooLarge", "UnsupportedMediaType",
             "ValidationFailed"])
        operation["requestBody"] = {"$ref": f"#/components/requestBodies/{name}Write"}
        return operation

    def change_operation(self, resource, verb, summary, description, responses, more=()):
        """Of what exists already, and is the same as when it was read."""
        return self.write_operation(
            resource, verb, summary, description, ["id", "ifMatch", "dryRun"], responses,
            ["InvalidBody" if more else "InvalidParameter", "NotFound", "Conflict", "Gone",
             "StaleCopy", "PreconditionRequired", *more])

    def change_operations(self, resource):
        noun, name = words(resource["schema"]), resource["schema"]
        body = ("TooLarge", "UnsupportedMediaType", "ValidationFailed")
        copy = {"200": {"$ref": f"#/components/responses/{name}WorkingCopy"}}
        waits = ("A change of a published record waits for an editor, unless an editor makes it; "
                 "until then the public sees what was published.")
        replace = self.change_operation(resource, "replace", f"Replace {a(noun)}",
                                        "The whole content anew: what is absent is removed. "
                                        + waits, copy, body)
        replace["requestBody"] = {"$ref": f"#/components/requestBodies/{name}Write"}
        patch = self.change_operation(resource, "patch", f"Change {a(noun)}",
                                      "Some properties, by a JSON merge patch (RFC 7396). "
                                      + waits, copy, body)
        patch["requestBody"] = {
            "required": True, "description": "What is to be changed; `null` removes.",
            "content": {"application/merge-patch+json": {
                "schema": {"$ref": name + "Patch"}, "example": self.patch_example(resource)}}}
        delete = self.change_operation(
            resource, "delete", f"Delete {a(noun)}",
            "Its address answers 410 from then on, with the time, and its history remains. What "
            "published records refer to cannot be deleted.",
            {"204": {"description": "It is deleted, or with `dry_run=true` would be.",
                     "headers": {"$ref": "privateHeaders"}}})
        return {"put": replace, "patch": patch, "delete": delete}

    def copy_operation(self, resource):
        noun = words(resource["schema"])
        operation = self.write_operation(
            resource, "get", f"Read {a(noun)} that is being edited",
            "The last version, with what is not public yet. Its ETag goes into the `If-Match` of "
            "the next change.", ["id", "ifNoneMatch"],
            {"200": {"$ref": f"#/components/responses/{resource['schema']}WorkingCopy"},
             "304": {"$ref": "#/components/responses/NotModified"}},
            ["InvalidParameter", "NotFound", "Gone", "PreconditionFailed"])
        operation["operationId"] += "WorkingCopy"
        return operation

    def paths(self, resource):
        path, noun, many = f"/v1/{resource['path']}", words(resource["schema"]), resource["tag"]
        yield path, {"get": self.list_operation(
            resource, f"list{pascal(resource['path'])}", f"List {many.lower()}",
            f"{resource['description']} All filters given must hold."),
            "post": self.create_operation(resource)}
        yield path + "/{id}", {"get": self.read_operation(resource),
                               **self.change_operations(resource)}
        yield path + "/{id}/working-copy", {"get": self.copy_operation(resource)}
        for other, through in resource["reverse"]:
            yield f"{path}/{{id}}/{other['path']}", {"get": self.list_operation(
                other, f"list{resource['schema']}{pascal(other['path'])}",
                f"List {other['tag'].lower()} of {a(noun)}",
                f"{other['tag']} that refer to this record, by {quoted(through)}. Parameters and "
                "answers are those of the whole list.", of_record=True)}
        yield path + "/batch-get", {"post": self.batch_operation(resource)}

    def put_headers(self, responses):
        """headers: {$ref: name of a set} -> the headers of the set."""
        for response in responses.values():
            name = response.get("headers", {}).get("$ref")
            if name:
                response["headers"] = {header: {"$ref": f"#/components/headers/{header}"}
                                       for header in self.shared["headerSets"][name]}

    def add_credentials(self, operation):
        """A token is taken everywhere; one that is not valid is refused also where none is needed,
        and whether it is valid may have to be asked of the database."""
        security = operation.setdefault("security", [{}])
        if not any("bearer" in way or "client" in way for way in security):
            security.append({"bearer": []})
        responses = operation["responses"]
        responses.setdefault("401", {"$ref": "#/components/responses/Unauthenticated"})
        responses.setdefault("503", {"$ref": "#/components/responses/Unavailable"})
        for status in sorted(responses):
            responses[status] = responses.pop(status)

    def bundle(self):
        document, made, answers = self.root, {}, self.shared["responses"]
        self.examples, bodies = {}, {}
        for resource in self.resources.values():
            document["tags"].append({"name": resource["tag"],
                                     "description": resource["description"]})
            self.make_parameters(resource)
            name = resource["schema"]
            made[name] = self.record_schema(resource)
            made[name + "Write"] = self.write_schema(resource)
            made[name + "Patch"] = self.patch_schema(resource, made[name + "Write"])
            made[name + "List"] = self.list_schema(resource)
            made[name + "Batch"] = self.batch_schema(resource)
            answers[name + "List"] = self.list_response(resource)
            answers[name + "WorkingCopy"] = self.copy_response(resource)
            bodies[name + "Write"] = self.write_body(resource)
            self.add_examples(resource)
        made["Record"] = {"description": "A record of any resource.", "anyOf": [
            {"$ref": resource["schema"]} for resource in self.resources.values()]}
        for resource in self.resources.values():
            document["paths"].update(self.paths(resource))
        for item in document["paths"].values():
            for operation in item.values():
                self.add_credentials(operation)
                self.put_headers(operation["responses"])
        self.put_headers(answers)
        document["components"] = {"schemas": {**made, **self.schemas},
                                  "parameters": self.parameters,
                                  "headers": self.shared["headers"], "responses": answers,
                                  "requestBodies": bodies, "examples": self.examples,
                                  "securitySchemes": self.shared["securitySchemes"]}
        return expand_refs(document)


class Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # C: some ten times as fast
    def ignore_aliases(self, data):
        return True


def main():
    if len(sys.argv) != 4:
        fail("usage: bundle.py SOURCE_DIR OUT.json OUT.yaml")
    document = Contract(Path(sys.argv[1])).bundle()
    with open(sys.argv[2], "w", encoding="utf-8") as file:
        json.dump(document, file, ensure_ascii=False, separators=(",", ":"))
        file.write("\n")
    with open(sys.argv[3], "w", encoding="utf-8") as file:
        yaml.dump(document, file, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=100)


if __name__ == "__main__":
    main()
