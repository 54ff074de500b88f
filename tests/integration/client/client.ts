// A partner's program, as the contract lets it be written: every path, parameter and property below
// is checked by the compiler against the types that were generated from the OpenAPI document.
import createClient from "openapi-fetch";
import type { components, paths } from "./express.js";

type Practice = components["schemas"]["Practice"];

declare const process: { env: Record<string, string | undefined> };
const address = process.env.API_URL;
if (!address) throw new Error("API_URL says where the server is");
// Lists come in other formats, too; this program reads JSON.
const api = createClient<paths, "application/json" | "application/problem+json">({ baseUrl: address });

function expect(what: string, isSo: boolean): void {
  if (!isSo) throw new Error(`not so: ${what}`);
}

// A list, filtered, sorted and followed to its end by its cursors.
async function practicesOf(country: NonNullable<Practice["country"]>): Promise<Practice[]> {
  const found: Practice[] = [];
  let cursor: string | undefined;
  do {
    const { data, error } = await api.GET("/v1/practices", {
      params: { query: { country: [country].join(",") as typeof country, sort: ["title"], limit: 7, cursor } },
    });
    if (error) throw new Error(error.title);
    found.push(...data.data);
    cursor = data.page.next ?? undefined;
  } while (cursor !== undefined);
  return found;
}

const belgian = await practicesOf("BE");
expect("several pages were read", belgian.length > 14);
expect("all are Belgian", belgian.every((practice) => practice.country === "BE"));
expect("no record comes twice", new Set(belgian.map((practice) => practice.id)).size === belgian.length);

// One record, and what belongs to it.
const { data: univerbal } = await api.GET("/v1/practices/{id}", {
  params: { path: { id: "univerbal" }, query: { include: ["organisations"] } },
});
expect("it has a place", univerbal?.location?.lat === 50.633);
const carrier = univerbal?.organisations?.[0];
expect("an embedded organisation is whole", carrier !== undefined && "legal_form" in carrier);

// Only what has changed.
const { response } = await api.GET("/v1/practices/{id}", { params: { path: { id: "univerbal" } } });
const { data: batch } = await api.POST("/v1/practices/batch-get", {
  body: { items: [{ id: univerbal!.id, etag: response.headers.get("ETag") ?? "" }] },
});
expect("a copy at hand is known to be right", batch?.unchanged.length === 1 && batch.data.length === 0);

// A mistake that the compiler cannot see is told by the server.
const { error } = await api.GET("/v1/practices", { params: { query: { near: "91,5" } } });
expect("the fault is named", error?.errors?.[0]?.parameter === "near");

// @ts-expect-error: a misspelt parameter does not compile.
await api.GET("/v1/practices", { params: { query: { contry: "BE" } } });

// An author's program: a draft, changed from what was read, and submitted.
const author = createClient<paths, "application/json" | "application/problem+json">({
  baseUrl: address,
  headers: { Authorization: `Bearer ${process.env.API_TOKEN}` },
});
const draft: components["schemas"]["PracticeWrite"] = {
  title: "Bicycle repair by newcomers",
  summary: "Newcomers learn to mend bicycles, and to run the shop.",
  country: "BE",
  city: "Liège",
  organisations: ["univerbal"],
};
const key = { header: { "Idempotency-Key": "bicycle-repair-1" } };
const made = await author.POST("/v1/practices", { body: draft, params: key });
if (made.error) throw new Error(made.error.title);
const again = await author.POST("/v1/practices", { body: draft, params: key });
expect("sent twice, it is there once", again.data?.id === made.data.id);
expect("a relation is shown with its name", made.data.organisations?.[0]?.slug === "univerbal");

const patch: components["schemas"]["PracticePatch"] = { city: null, started_on: "2019-05" };
const id = made.data.slug;
const changed = await author.PATCH("/v1/practices/{id}", {
  params: { path: { id }, header: { "If-Match": made.response.headers.get("ETag") ?? "" } },
  headers: { "Content-Type": "application/merge-patch+json" },
  body: patch,
});
expect("null removes", changed.data !== undefined && changed.data.city === undefined);
const stale = await author.PUT("/v1/practices/{id}", {
  params: { path: { id }, header: { "If-Match": made.response.headers.get("ETag") ?? "" } },
  body: draft,
});
expect("what was read is not what is there", stale.error?.type === "/problems/precondition-failed");
const submitted = await author.POST("/v1/{resource}/{id}/submit", {
  params: { path: { resource: "practices", id } },
});
expect("it waits for an editor", submitted.data?.status === "in_review");
const history = await author.GET("/v1/{resource}/{id}/versions", {
  params: { path: { resource: "practices", id } },
});
expect("each step is a version", history.data?.data.map((one) => one.action).join() === "submit,update,create");

// @ts-expect-error: a country that is none does not compile.
await author.POST("/v1/practices", { body: { title: "A", summary: "B", country: "XX" } });

console.log(`${belgian.length} Belgian practices, ${carrier?.slug} in full`);
