-- Roles, schemas, extensions, and what every record has.
--
-- Runs as the login role of EXPRESS_DATABASE_URL: a superuser, or the owner of the database with
-- CREATEROLE. Everything made here belongs to express_owner, which nobody logs in as.

-- Roles belong to the whole cluster: another database may have made them, or be making them now.
do $$
declare
  role_name text;
begin
  foreach role_name in array array['express_owner', 'express_public', 'express_writer'] loop
    if not exists (select from pg_roles where rolname = role_name) then
      begin
        execute format('create role %I nologin', role_name);
      exception
        when duplicate_object or unique_violation then null; -- somebody was faster
      end;
    end if;
    -- From PostgreSQL 16 on, who makes a role is a member that may not take it on; ask for that.
    if not pg_has_role(current_user, role_name,
                       case when current_setting('server_version_num')::integer >= 160000
                            then 'SET' else 'MEMBER' end) then
      execute format('grant %I to %I', role_name, current_user);
    end if;
  end loop;
  if not has_database_privilege('express_owner', current_database(), 'CREATE') then
    execute format('grant create on database %I to express_owner', current_database());
  end if;
end
$$;

-- catalogue: the records, normalised. published: what the public reads, made from them.
-- extensions: functions of others, apart from ours.
create schema if not exists catalogue authorization express_owner;
create schema if not exists published authorization express_owner;
create schema if not exists extensions;

do $$
declare
  schema_name text;
begin
  foreach schema_name in array array['catalogue', 'published'] loop
    if (select nspowner::regrole::text from pg_namespace where nspname = schema_name)
       <> 'express_owner' then
      execute format('alter schema %I owner to express_owner', schema_name);
    end if;
  end loop;
end
$$;

create extension if not exists pg_trgm with schema extensions;
create extension if not exists unaccent with schema extensions;
create extension if not exists cube with schema extensions;
create extension if not exists fuzzystrmatch with schema extensions;

do $$
declare
  elsewhere record;
begin
  for elsewhere in
    select extname, extnamespace::regnamespace as schema_name
      from pg_extension
     where extname in ('pg_trgm', 'unaccent', 'cube', 'fuzzystrmatch')
       and extnamespace <> 'extensions'::regnamespace
  loop
    raise exception 'extension % is installed in schema %', elsewhere.extname, elsewhere.schema_name
      using hint = format('alter extension %I set schema extensions', elsewhere.extname);
  end loop;
end
$$;

grant usage on schema extensions to express_owner, express_public, express_writer;
grant usage on schema published to express_public;

set local role express_owner;

-- A year, a month or a day, and only those that exist. The case keeps the order: the cast to
-- integer sees digits only.
create domain catalogue.partial_date as text
  constraint partial_date_exists check (
    case
      when value is null then true
      when value ~ '^[0-9]{4}(-(0[1-9]|1[0-2]))?$' then true
      when value ~ ('^[0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])'
                    '|(0[469]|11)-(0[1-9]|[12][0-9]|30)'
                    '|02-(0[1-9]|1[0-9]|2[0-8]))$') then true
      when value ~ '^[0-9]{4}-02-29$' then
        left(value, 4)::integer % 4 = 0
        and (left(value, 4)::integer % 100 <> 0 or left(value, 4)::integer % 400 = 0)
      else false
    end
  );
comment on domain catalogue.partial_date is
  'A date known to the year, the month or the day: 2015, 2015-03 or 2015-03-09.';

create function catalogue.in_order(catalogue.partial_date, catalogue.partial_date)
returns boolean
language sql immutable parallel safe strict
return left($1, least(length($1), length($2))) <= left($2, least(length($1), length($2)));
comment on function catalogue.in_order is
  'Whether the first date can be before the second or the same, as far as both are known.';

-- One row for each record of any resource; the table of the resource has the rest under the same
-- id. The references to organisations and publications follow with those tables.
create table catalogue.record (
  id uuid primary key,
  resource text not null check (resource ~ '^[a-z]+(-[a-z]+)*$'),
  slug text not null check (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$' and length(slug) <= 100),
  status text not null default 'published'
    check (status in ('draft', 'in_review', 'published', 'archived')),
  owner_id uuid,
  language text not null default 'en' check (language ~ '^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$'),
  version integer not null default 1 check (version >= 1),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  verified_at timestamptz,
  source_name text,
  source_external_id text,
  source_url text,
  source_document_id uuid,
  source_section text,
  source_other_sections text[],
  digest text,
  unique (resource, slug),
  unique (resource, source_name, source_external_id),
  constraint record_external_id_has_source
    check (source_external_id is null or source_name is not null)
);
comment on table catalogue.record is 'What every record has, whatever its resource.';
comment on column catalogue.record.digest is
  'Hash of what was last written, so that writing the same again changes nothing.';
comment on column catalogue.record.status is
  'State on the way to publication; what happens in the world is activity_status.';
comment on column catalogue.record.source_name is
  'Directory the record was taken over from; with source_external_id it names one record.';
create index record_owner_id on catalogue.record (owner_id);
create index record_source_document_id on catalogue.record (source_document_id);

create table catalogue.record_translations (
  record_id uuid not null references catalogue.record (id) on delete cascade,
  position integer not null check (position >= 0),
  language text not null check (language ~ '^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$'),
  property text not null,
  text text not null,
  origin text not null check (origin in ('author', 'machine', 'reviewed')),
  primary key (record_id, position),
  unique (record_id, language, property)
);
comment on table catalogue.record_translations is
  'Texts of a record in other languages than its own, with how they came about.';

create table catalogue.slug_history (
  resource text not null,
  old_slug text not null,
  record_id uuid not null,
  since timestamptz not null default now(),
  primary key (resource, old_slug)
);
comment on table catalogue.slug_history is
  'Slugs that records had before; they lead to the present one. Outlives the record, so that an '
  'old address can say that it is gone.';
create index slug_history_record_id on catalogue.slug_history (record_id);

-- Sequence order is not commit order. Whoever follows the log reads rows with
-- xid < pg_snapshot_xmin(pg_current_snapshot()), ordered by (xid, seq): below that mark nothing
-- can appear any more, so nothing is missed.
create table catalogue.change (
  seq bigint generated always as identity primary key,
  xid xid8 not null default pg_current_xact_id(),
  resource text not null,
  record_id uuid not null,
  version integer not null,
  kind text not null check (kind in ('created', 'updated', 'deleted', 'rendered')),
  changed_at timestamptz not null default now()
);
comment on table catalogue.change is
  'Every change of every record, once; rows are only ever added. "rendered": the record is the '
  'same, but what it shows of another record has changed.';
create index change_xid_seq on catalogue.change (xid, seq);
create index change_resource_xid_seq on catalogue.change (resource, xid, seq);
create index change_record_id_seq on catalogue.change (record_id, seq);

reset role;
