-- Who acts, who may, and what was done: identity, row-level security, audit.
--
-- The server's second pool works as express_writer, for one caller at a time: each transaction says
-- who it acts for (set_config(…, true), gone with the transaction), and the policies below decide
-- which rows there are for that caller. A transaction that does not say it fails: a setting that is
-- missing is an error (42704), and an empty one is no role (22P02).

-- For the rest of this file, which fills what it makes.
set local express.role = 'system';

create schema identity authorization express_owner;
create schema audit authorization express_owner;
grant usage on schema catalogue, published, identity, audit to express_writer;

set local role express_owner;

-- anonymous: nobody signed in. service: the server on its own behalf (signing in, housekeeping).
-- system: the command line, which works as express_owner.
create type identity.caller_role as enum (
  'anonymous', 'participant', 'partner', 'coordinator', 'editor', 'admin', 'service', 'system');

-- Only who works as the owner of the tables can be the system. Asked is the role that the session
-- has taken on, not current_user: in a function of the owner that would be the owner for everybody.
create function identity.acting_role() returns identity.caller_role
language sql stable parallel safe
return case when current_setting('express.role') = 'system'
                 and coalesce(nullif(current_setting('role'), 'none'), session_user::text)
                     <> 'express_owner'
            then null else current_setting('express.role')::identity.caller_role end;
create function identity.acting_organisation() returns uuid
language sql stable parallel safe
return nullif(current_setting('express.organisation', true), '')::uuid;
create function identity.acting_client() returns uuid
language sql stable parallel safe
return nullif(current_setting('express.client', true), '')::uuid;
-- Who an idempotency key belongs to: 'client:…', 'subject:…' or 'anonymous'.
create function identity.acting_caller() returns text
language sql stable parallel safe
return current_setting('express.caller');
create function identity.acts_as_editor() returns boolean
language sql stable parallel safe
return coalesce(identity.acting_role() in ('editor', 'admin', 'system'), false);
create function identity.acts_as_partner() returns boolean
language sql stable parallel safe
return coalesce(identity.acting_role() in ('partner', 'coordinator'), false);
comment on function identity.acting_role is
  'For whom this transaction acts; an error when it has not said so.';

-- --- what a record needs for its way to publication -----------------------------------------------

alter table catalogue.record
  add column latest integer,
  add column latest_at timestamptz not null default now(),
  add column waiting_since timestamptz,
  add column review text check (review in ('in_review', 'returned')),
  add column first_published_at timestamptz,
  add column deleted_at timestamptz,
  add column replaced_by uuid references catalogue.record (id),
  add column verify_due timestamptz;
update catalogue.record
   set latest = version, latest_at = updated_at, first_published_at = created_at,
       verify_due = coalesce(verified_at, updated_at) + case
         when resource = 'events' then interval '90 days'
         when resource in ('financing-offers', 'services', 'trainings', 'mentoring-programmes')
           then interval '180 days'
         when resource in ('publications', 'vocabularies') then interval '1825 days'
         else interval '365 days' end; -- x-verify-days, as they were on this day
alter table catalogue.record
  alter column latest set not null,
  alter column verify_due set not null,
  alter column status set default 'draft',
  add constraint record_latest_is_last check (latest >= version),
  add constraint record_published_once
    check (status not in ('published', 'archived') or first_published_at is not null),
  add constraint record_review_of_published check (review is null or status = 'published'),
  add constraint record_waiting_is_in_review check ((waiting_since is not null)
    = (status = 'in_review' or coalesce(review = 'in_review', false)));
comment on column catalogue.record.version is
  'Version that the tables of the resource hold: what is published, where something is.';
comment on column catalogue.record.latest is
  'Last version in the history. Above version: a change of a published record waits for review.';
comment on column catalogue.record.latest_at is 'When the last version was made.';
comment on column catalogue.record.waiting_since is
  'When the record, or a change of it, came before the editors; null: it is not there.';
comment on column catalogue.record.review is 'State of the change that waits; null: none does.';
comment on column catalogue.record.deleted_at is 'A deleted record keeps its row and its history.';
comment on column catalogue.record.verify_due is 'When somebody should look whether it is true still.';
create index record_replaced_by on catalogue.record (replaced_by) where replaced_by is not null;
create index record_waiting on catalogue.record (waiting_since, id) where waiting_since is not null;
create index record_review on catalogue.record (id) where review is not null;
create index record_latest_at on catalogue.record (latest_at desc, id desc) where deleted_at is null;
create index record_owner_latest_at on catalogue.record (owner_id, latest_at desc, id desc)
  where deleted_at is null;

-- A public address belongs to one record for ever. A draft's slug is unique among its owner's alone:
-- nobody learns from a refusal what somebody else is writing.
alter table catalogue.record
  drop constraint record_resource_slug_key,
  drop constraint record_resource_source_name_source_external_id_key;
create unique index record_public_slug on catalogue.record (resource, slug)
  where first_published_at is not null;
create unique index record_owned_slug on catalogue.record (resource, owner_id, slug) nulls not distinct
  where deleted_at is null;
create unique index record_owned_source
  on catalogue.record (resource, owner_id, source_name, source_external_id) nulls not distinct
  where source_external_id is not null and deleted_at is null;
create index record_slug on catalogue.record (resource, slug);
create index record_source on catalogue.record (resource, source_name, source_external_id)
  where source_external_id is not null;

-- The history: every change of every record, whole. data is the record in the shape in which it is
-- written, relations by id; null where only the state changed, then it is that of the version before.
create table catalogue.version (
  record_id uuid not null references catalogue.record (id),
  version integer not null check (version >= 1),
  action text not null check (action in ('create', 'update', 'import', 'submit', 'publish', 'return',
    'archive', 'delete', 'restore', 'merge', 'redirect', 'verify', 'accept')),
  status text not null check (status in ('draft', 'in_review', 'published', 'archived')),
  review text check (review in ('in_review', 'returned')),
  data jsonb,
  digest text,
  changed text[],
  reason text check (length(reason) <= 2000),
  client_id uuid,
  role identity.caller_role not null,
  at timestamptz not null default now(),
  primary key (record_id, version)
);
comment on table catalogue.version is 'History of the records; rows are only ever added.';
comment on column catalogue.version.changed is 'Properties whose values this version changed.';
comment on column catalogue.version.reason is 'What the editor told the partner, as on return.';

-- Corrections that anybody may propose: a merge patch, and words to the editors.
create table catalogue.proposal (
  id uuid primary key,
  resource text not null,
  record_id uuid not null references catalogue.record (id),
  base_version integer not null,
  patch jsonb not null,
  message text check (length(message) <= 2000),
  state text not null default 'open' check (state in ('open', 'accepted', 'declined')),
  reason text check (length(reason) <= 2000),
  erasure_hash bytea not null,
  created_at timestamptz not null default now(),
  decided_at timestamptz,
  decided_by uuid,
  constraint proposal_decided check ((state = 'open') = (decided_at is null))
);
create index proposal_record_id on catalogue.proposal (record_id);
create index proposal_open on catalogue.proposal (created_at, id) where state = 'open';
comment on table catalogue.proposal is 'Corrections proposed by readers; nothing personal is in it.';
create table catalogue.proposal_contact (
  proposal_id uuid primary key references catalogue.proposal (id) on delete cascade,
  name text check (length(name) <= 120),
  email text check (length(email) <= 254),
  created_at timestamptz not null default now()
);
comment on table catalogue.proposal_contact is
  'How to reach who proposed, when they wished it; erased on their word, or 30 days after the end.';

-- As many as editors can look at: 50 wait for one record at most, also when two come at once.
create function catalogue.limit_proposals() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform pg_advisory_xact_lock(hashtextextended('proposal ' || new.record_id, 0));
  if (select count(*) from catalogue.proposal p
       where p.record_id = new.record_id and p.state = 'open') >= 50 then
    raise exception using errcode = 'check_violation', constraint = 'proposal_open_most';
  end if;
  return new;
end
$$;
create trigger limit_waiting before insert on catalogue.proposal
  for each row execute function catalogue.limit_proposals();

-- Whoever has the code that was told to the sender may erase the sender's contact. Return: was there
-- one?
create function catalogue.erase_proposal_contact(proposal uuid, code_hash bytea) returns boolean
language sql volatile security definer set search_path = pg_catalog, pg_temp
begin atomic
  with erased as (
    delete from catalogue.proposal_contact c
     using catalogue.proposal p
     where p.id = c.proposal_id and p.id = proposal and p.erasure_hash = code_hash
    returning 1)
  select count(*) > 0 from erased;
end;

-- --- clients, keys, tokens -------------------------------------------------------------------------

create table identity.client (
  id uuid primary key,
  name text not null check (length(name) between 1 and 120),
  organisation_id uuid not null references catalogue.record (id),
  role identity.caller_role not null
    check (role in ('participant', 'partner', 'coordinator', 'editor', 'admin')),
  scopes text[] not null,
  created_at timestamptz not null default now(),
  disabled_at timestamptz,
  last_used_at timestamptz
);
comment on table identity.client is 'Programs that may sign in, each of one organisation.';
create index client_organisation_id on identity.client (organisation_id);
create table identity.client_secret (
  client_id uuid not null references identity.client (id) on delete cascade,
  slot smallint not null check (slot in (1, 2)),
  hash text not null check (hash like '$argon2id$%'),
  created_at timestamptz not null default now(),
  last_used_at timestamptz,
  primary key (client_id, slot)
);
comment on table identity.client_secret is
  'Hashes of secrets, two at most, so that one can be replaced while the other works.';
create table identity.signing_key (
  kid text primary key check (kid ~ '^[A-Za-z0-9_-]{1,64}$'),
  algorithm text not null check (algorithm = 'ES256'),
  public_pem text not null,
  private_sealed bytea not null,
  created_at timestamptz not null default now(),
  retired_at timestamptz,
  expires_at timestamptz,
  check ((retired_at is null) = (expires_at is null))
);
comment on table identity.signing_key is
  'Keys of our tokens. A retired one signs no more, and verifies until it expires.';
comment on column identity.signing_key.private_sealed is
  'The private key, sealed with a key made from EXPRESS_SECRET: a copy of the database cannot sign.';
create table identity.revoked_token (
  jti text primary key check (length(jti) <= 200),
  expires_at timestamptz not null
);
create index revoked_token_expires_at on identity.revoked_token (expires_at);

-- When an organisation was merged into another one, its programs work for that.
create function identity.move_clients(duplicate uuid, survivor uuid) returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  moved bigint;
begin
  if not identity.acts_as_editor() or not exists (
       select from catalogue.record r
        where r.id = duplicate and r.deleted_at is not null and r.replaced_by = survivor) then
    raise insufficient_privilege;
  end if;
  update identity.client c set organisation_id = survivor where c.organisation_id = duplicate;
  get diagnostics moved = row_count;
  return moved;
end
$$;

-- Every node forgets what it knows of tokens when something changes here.
create function identity.tell() returns trigger
language plpgsql as $$
begin
  perform pg_notify('express_identity', tg_table_name);
  return null;
end
$$;
create trigger tell_inserted after insert or delete on identity.client
  for each statement execute function identity.tell();
create trigger tell_updated after update of role, scopes, organisation_id, disabled_at
  on identity.client for each statement execute function identity.tell();
create trigger tell after insert or update or delete on identity.signing_key
  for each statement execute function identity.tell();
create trigger tell after insert on identity.revoked_token
  for each statement execute function identity.tell();

-- --- idempotency -----------------------------------------------------------------------------------

-- What the answer was made from, not the answer: it is rendered again for the same caller, so
-- no second copy of anything lies here.
create table identity.idempotency_key (
  caller text not null,
  key text not null check (length(key) between 1 and 255),
  fingerprint bytea not null,
  status integer,
  record_id uuid,
  version integer,
  created_at timestamptz not null default now(),
  primary key (caller, key)
);
create index idempotency_key_created_at on identity.idempotency_key (created_at);
comment on table identity.idempotency_key is 'Requests that were carried out, for 24 hours.';

-- --- audit -----------------------------------------------------------------------------------------

-- Each entry bears the hash of the one before it in its chain. A chain belongs to the processes whose
-- number leaves the same remainder, so that writers seldom wait for one another; each
-- chain is a line without gaps.
create table audit.chain (
  id smallint primary key,
  entries bigint not null default 0,
  head bytea not null default '\x',
  anchor_position bigint not null default 0,
  anchor bytea not null default '\x'
);
comment on table audit.chain is
  'Last hash of each chain; anchor is the hash of the last entry that age has removed.';
insert into audit.chain (id) select generate_series(0, 255);
create table audit.entry (
  chain smallint not null references audit.chain (id),
  position bigint not null,
  at timestamptz not null,
  client_id uuid,
  role identity.caller_role not null,
  subject text check (length(subject) <= 64),
  action text not null check (action ~ '^[a-z]+(-[a-z]+)*(\.[a-z]+(-[a-z]+)*)*$'),
  resource text,
  record_id uuid,
  version integer,
  request_id text check (length(request_id) <= 64),
  properties text[],
  hash bytea not null,
  primary key (chain, position)
);
create index entry_at on audit.entry (at, chain, position);
create index entry_record_id on audit.entry (record_id, at);
create index entry_client_id on audit.entry (client_id, at);
comment on table audit.entry is
  'Who did what, when, to which version: ids and names of properties, never values.';
comment on column audit.entry.subject is
  'Pseudonym of the person behind the client, where the token named one.';

create function audit.entry_hash(
  before bytea, chain smallint, entry_position bigint, at timestamptz, client_id uuid,
  role identity.caller_role, subject text, action text, resource text, record_id uuid,
  version integer, request_id text, properties text[]) returns bytea
language sql immutable parallel safe
return sha256(before || convert_to(jsonb_build_array(
  chain, entry_position, (extract(epoch from at) * 1000000)::bigint, client_id, role::text, subject,
  action, resource, record_id, version, request_id, to_jsonb(properties))::text, 'UTF8'));

-- The one way in. The application may neither write the tables nor choose whom it acts for here.
-- The time is taken under the lock, so that it never goes back within a chain.
create function audit.append(action text, resource text, record_id uuid, version integer,
                             properties text[]) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  line audit.chain;
  now_at timestamptz;
  entry_hash bytea;
  client uuid := identity.acting_client();
  acting identity.caller_role := identity.acting_role();
  subject text := nullif(current_setting('express.subject', true), '');
  request text := nullif(current_setting('express.request', true), '');
begin
  select c.* into strict line from audit.chain c
   where c.id = pg_backend_pid() % 256 for update;
  now_at := clock_timestamp();
  entry_hash := audit.entry_hash(line.head, line.id, line.entries + 1, now_at, client, acting,
                                 subject, action, resource, record_id, version, request, properties);
  insert into audit.entry values (line.id, line.entries + 1, now_at, client, acting, subject, action,
                                  resource, record_id, version, request, properties, entry_hash);
  update audit.chain c set entries = line.entries + 1, head = entry_hash where c.id = line.id;
end
$$;

-- A seal says how far each chain had come, and with which hash; each bears the root of the one
-- before it. Its root is a line of 64 digits that is kept elsewhere, in a log or on paper: whoever
-- cuts or rewrites the end of the chains can make the database agree with itself, not with that.
create table audit.seal (
  number bigint primary key check (number >= 1),
  at timestamptz not null,
  positions bigint[] not null,
  heads bytea[] not null,
  before bytea not null,
  root bytea not null unique
);
comment on table audit.seal is 'How far the chains of the audit log had come, now and then.';

create function audit.root_of(number bigint, at timestamptz, positions bigint[], heads bytea[],
                              before bytea) returns bytea
language sql immutable parallel safe
return sha256(before || convert_to(jsonb_build_array(
  number, (extract(epoch from at) * 1000000)::bigint, to_jsonb(positions),
  (select jsonb_agg(encode(head, 'hex') order by nth)
     from unnest(heads) with ordinality head(head, nth)))::text, 'UTF8'));

-- Seals what is there, unless the last seal is younger than asked for (nulls), or says the same (it
-- is given, and is not new).
create function audit.take_seal(older_than interval, out seal_number bigint, out seal_root text,
                                out is_new boolean)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  last audit.seal;
  made audit.seal;
begin
  if identity.acting_role() is null or identity.acting_role() not in ('service', 'system') then
    raise insufficient_privilege;
  end if;
  perform pg_advisory_xact_lock(hashtextextended('audit.seal', 0));
  select s.* into last from audit.seal s order by s.number desc limit 1;
  if last.at > clock_timestamp() - older_than then
    return;
  end if;
  select array_agg(c.entries order by c.id), array_agg(c.head order by c.id)
    into made.positions, made.heads
    from audit.chain c;
  is_new := last.number is null or last.positions <> made.positions or last.heads <> made.heads;
  if is_new then
    made.number := coalesce(last.number, 0) + 1;
    made.at := clock_timestamp();
    made.before := coalesce(last.root, '\x');
    made.root := audit.root_of(made.number, made.at, made.positions, made.heads, made.before);
    insert into audit.seal values (made.*);
    last := made;
  end if;
  seal_number := last.number;
  seal_root := encode(last.root, 'hex');
end
$$;

-- What is not as it was written. place: the entry's number in its chain; of a seal, its own.
create function audit.faults() returns table (chain smallint, place bigint, fault text)
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
  with entries as (
    select e.*, lag(e.hash) over line as hash_before, lag(e.position) over line as position_before
      from audit.entry e window line as (partition by e.chain order by e.position)),
  expected as (
    select e.*, coalesce(e.position_before, c.anchor_position) as follows,
           coalesce(e.hash_before, c.anchor) as before
      from entries e left join audit.chain c on c.id = e.chain),
  seals as (
    select s.*, lag(s.number) over line as number_before, lag(s.root) over line as root_before
      from audit.seal s window line as (order by s.number)),
  sealed as (
    select max(s.number) as number, max(s.at) as at, (place.nth - 1)::smallint as chain,
           place.position, place.head
      from audit.seal s
     cross join lateral unnest(s.positions, s.heads) with ordinality place(position, head, nth)
     group by place.nth, place.position, place.head)
  select e.chain, e.position,
         case when e.follows is null then 'its chain is missing'
              when e.position <> e.follows + 1 then 'entries before it are missing'
              else 'it is not what was written' end
    from expected e
   where e.follows is null or e.position <> e.follows + 1
      or e.hash is distinct from audit.entry_hash(
           e.before, e.chain, e.position, e.at, e.client_id, e.role, e.subject, e.action, e.resource,
           e.record_id, e.version, e.request_id, e.properties)
  union all
  select c.id, c.entries, 'entries at the end are missing'
    from audit.chain c
    left join lateral (
      select e.position, e.hash from audit.entry e
       where e.chain = c.id order by e.position desc limit 1) last on true
   where coalesce(last.position, c.anchor_position) <> c.entries
      or coalesce(last.hash, c.anchor) <> c.head
  union all
  select null, s.number, case when s.number <> s.number_before + 1 then 'seals before it are missing'
                              else 'the seal is not what was written' end
    from seals s
   where s.number <> s.number_before + 1 or s.before <> s.root_before
      or s.root <> audit.root_of(s.number, s.at, s.positions, s.heads, s.before)
  union all
  select s.chain, s.position,
         case when s.position < c.anchor_position
              then format('entries behind it are missing, and are younger than seal %s', s.number)
              else format('it is not what seal %s says', s.number) end
    from sealed s
    left join audit.chain c on c.id = s.chain
    left join audit.entry e on e.chain = s.chain and e.position = s.position
   where case when s.position > c.anchor_position then e.hash is distinct from s.head
              when s.position = c.anchor_position then c.anchor <> s.head
              -- Age cannot have removed what came after a seal that is younger than that age.
              else c.id is null or s.at > now() - interval '90 days' end
  order by 1 nulls first, 2, 3;
end;

-- Age: removes entries from the beginnings of the chains, none younger than 90 days whoever asks,
-- and no more than asked for at once: who writes to a chain waits for us. A chain that is being
-- written to is left for the next time.
create function audit.prune(older_than interval, entries_max integer) returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  bound timestamptz := now() - greatest(older_than, interval '90 days');
  line audit.chain;
  last record;
  part bigint;
  removed bigint := 0;
begin
  if identity.acting_role() is null or identity.acting_role() not in ('service', 'system') then
    raise insufficient_privilege;
  end if;
  for line in
    select c.* from audit.chain c
     where (select e.at from audit.entry e
             where e.chain = c.id order by e.position limit 1) < bound
     order by c.id
  loop
    exit when removed >= entries_max;
    perform from audit.chain c where c.id = line.id for update skip locked;
    continue when not found;
    select old.position, old.hash into last
      from (select e.position, e.hash, bool_and(e.at < bound) over (order by e.position) as is_old
              from (select y.* from audit.entry y where y.chain = line.id
                     order by y.position limit entries_max - removed) e) old
     where old.is_old order by old.position desc limit 1;
    continue when not found;
    delete from audit.entry e where e.chain = line.id and e.position <= last.position;
    get diagnostics part = row_count;
    update audit.chain c set anchor_position = last.position, anchor = last.hash
     where c.id = line.id;
    removed := removed + part;
  end loop;
  delete from audit.seal s where s.at < bound
     and s.number < (select max(y.number) from audit.seal y);
  return removed;
end
$$;

-- --- what was published before ---------------------------------------------------------------------

create table published.history (
  resource text not null,
  id uuid not null,
  valid_from timestamptz not null,
  valid_to timestamptz,
  slug text not null,
  etag text not null,
  updated_at timestamptz not null,
  document text not null,
  translations text,
  primary key (id, valid_from)
);
create index history_resource on published.history (resource, updated_at desc, id desc);
create index history_slug on published.history (resource, slug);
create unique index history_present on published.history (id) where valid_to is null;
comment on table published.history is
  'What was public, and from when to when; the present has no end. Read by as_of.';
grant select on published.history to express_public;
-- Where PostgreSQL was built with it: writing a row takes half the time.
do $$
begin
  alter table published.history alter document set compression lz4;
exception
  when feature_not_supported then null;
end
$$;

-- --- row-level security ----------------------------------------------------------------------------

-- Forced: the owner of the tables is bound, too.
create function catalogue.force_row_security(relation regclass) returns void
language plpgsql as $$
begin
  execute format('alter table %s enable row level security', relation);
  execute format('alter table %s force row level security', relation);
end
$$;
revoke all on function catalogue.force_row_security from public;

-- protect_resource() - policies for a table that holds part of a record
-- For every new table of a resource: select catalogue.protect_resource('catalogue.things', 'id');
create function catalogue.protect_resource(relation regclass, key text) returns void
language plpgsql as $$
declare
  -- Of the table, and not of the record in the subquery, which has an id, too.
  key_of_table text := format('%I.%I', (select relname from pg_class where oid = relation), key);
  -- Who may change what the tables of a resource hold of a record: administrators; editors all but
  -- vocabularies; partners their own drafts alone, for what is published changes by an editor's
  -- word. Written out in each policy: a function around a subquery is planned anew by every
  -- statement, which cost more than all that a statement does.
  may_write text := format(
    'coalesce((select identity.acting_role()) in (''admin'', ''system''), false) or exists ('
    'select from catalogue.record r where r.id = %s and r.resource <> ''vocabularies'' '
    'and ((select identity.acts_as_editor()) or ((select identity.acts_as_partner()) '
    'and r.owner_id = (select identity.acting_organisation()) '
    'and (r.status in (''draft'', ''in_review'') or r.deleted_at is not null))))', key_of_table);
begin
  perform catalogue.force_row_security(relation);
  execute format('create policy read on %s for select using ((select identity.acts_as_editor()) '
                 'or exists (select from catalogue.record r where r.id = %s))', relation,
                 key_of_table);
  execute format('create policy add on %s for insert with check (%s)', relation, may_write);
  execute format('create policy change on %s for update using (%s) with check (%s)',
                 relation, may_write, may_write);
  execute format('create policy remove on %s for delete using (%s)', relation, may_write);
  execute format('grant select, insert, update, delete on %s to express_writer', relation);
end
$$;
revoke all on function catalogue.protect_resource from public;

select catalogue.force_row_security(t) from unnest(array[
  'catalogue.record', 'catalogue.version', 'catalogue.slug_history', 'catalogue.proposal',
  'catalogue.proposal_contact', 'identity.client', 'identity.client_secret',
  'identity.signing_key', 'identity.revoked_token', 'identity.idempotency_key', 'audit.entry',
  'audit.chain', 'audit.seal']::regclass[]) t;

-- Nothing without saying for whom: the first line fails where that is missing, whatever the row.
create policy read on catalogue.record for select using (
  (select identity.acting_role()) is not null
  and ((status = 'published' and deleted_at is null)
       -- Whose organisation is gone signs in no more: the server has to know of each.
       or (resource = 'organisations' and (select identity.acting_role()) = 'service')
       or (select identity.acts_as_editor())
       or ((select identity.acts_as_partner())
           and owner_id = (select identity.acting_organisation()))));
create policy add on catalogue.record for insert with check (
  (select identity.acts_as_editor())
  or ((select identity.acts_as_partner()) and owner_id = (select identity.acting_organisation())
      and status = 'draft' and first_published_at is null and deleted_at is null
      and replaced_by is null));
create policy change on catalogue.record for update using (
  (select identity.acts_as_editor())
  or ((select identity.acts_as_partner()) and owner_id = (select identity.acting_organisation())));
-- What all share is for administrators.
create policy share on catalogue.record as restrictive for insert with check (
  resource <> 'vocabularies' or (select identity.acting_role()) in ('admin', 'system'));
create policy share_change on catalogue.record as restrictive for update using (
  resource <> 'vocabularies' or (select identity.acting_role()) in ('admin', 'system'));
grant select, insert, update on catalogue.record to express_writer;

-- The steps a record may take, whoever writes; and those that a partner may not. Who is not bound
-- by the policies is not bound by these.
create function catalogue.guard_record() returns trigger
language plpgsql as $$
begin
  if new.id <> old.id or new.resource <> old.resource or new.created_at <> old.created_at
     or new.latest < old.latest then
    raise exception using errcode = 'check_violation', constraint = 'record_identity_stays';
  end if;
  if not row_security_active('catalogue.record') or identity.acting_role() = 'system' then
    return new;
  end if;
  -- What was deleted comes back as a draft, so that somebody looks at it again.
  if new.deleted_at is null
     and ((old.deleted_at is not null and new.status <> 'draft')
          or (old.deleted_at is null and new.status <> old.status
              and (old.status, new.status) not in (
                ('draft', 'in_review'), ('in_review', 'published'), ('in_review', 'draft'),
                ('published', 'archived'), ('archived', 'draft')))) then
    raise exception using errcode = 'check_violation', constraint = 'record_transition';
  end if;
  if identity.acts_as_editor() then
    return new;
  end if;
  if new.owner_id is distinct from old.owner_id
     or new.first_published_at is distinct from old.first_published_at
     or new.replaced_by is distinct from old.replaced_by
     or (new.status <> old.status and new.status not in ('draft', 'in_review')) then
    raise insufficient_privilege;
  end if;
  -- What is public of the row itself stays as an editor has seen it.
  if new.status in ('published', 'archived') and new.deleted_at is null
     and (new.slug, new.language, new.source_name, new.source_external_id, new.source_url,
          new.source_document_id, new.source_section, new.source_other_sections)
         is distinct from
         (old.slug, old.language, old.source_name, old.source_external_id, old.source_url,
          old.source_document_id, old.source_section, old.source_other_sections) then
    raise insufficient_privilege;
  end if;
  return new;
end
$$;
create trigger guard before update on catalogue.record
  for each row execute function catalogue.guard_record();

-- What is not published of a record: editors', and its owner's. "is true" leaves one index to find
-- the record by, that of its id: of an owner there are many.
create policy read on catalogue.version for select using (
  (select identity.acts_as_editor())
  or ((select identity.acts_as_partner()) and exists (
    select from catalogue.record r
     where r.id = version.record_id
       and (r.owner_id = (select identity.acting_organisation())) is true)));
create policy add on catalogue.version for insert with check (
  ((select identity.acts_as_editor())
   or ((select identity.acts_as_partner()) and exists (
     select from catalogue.record r
      where r.id = version.record_id
       and (r.owner_id = (select identity.acting_organisation())) is true)))
  and role = (select identity.acting_role())
  and client_id is not distinct from (select identity.acting_client())
  and ((select identity.acts_as_editor())
       or action not in ('publish', 'return', 'archive', 'merge', 'redirect', 'accept', 'import')));
grant select, insert on catalogue.version to express_writer;

create policy read on catalogue.slug_history for select using (
  exists (select from catalogue.record r where r.id = record_id));
create policy add on catalogue.slug_history for insert with check (
  (select identity.acts_as_editor())
  or ((select identity.acts_as_partner()) and exists (
    select from catalogue.record r
     where r.id = slug_history.record_id
       and (r.owner_id = (select identity.acting_organisation())) is true)));
create policy change on catalogue.slug_history for update using (
  (select identity.acts_as_editor())
  or ((select identity.acts_as_partner()) and exists (
    select from catalogue.record r
     where r.id = slug_history.record_id
       and (r.owner_id = (select identity.acting_organisation())) is true)));
create policy remove on catalogue.slug_history for delete using (
  (select identity.acts_as_editor())
  or ((select identity.acts_as_partner()) and exists (
    select from catalogue.record r
     where r.id = slug_history.record_id
       and (r.owner_id = (select identity.acting_organisation())) is true)));
grant select, insert, update, delete on catalogue.slug_history to express_writer;

create policy read on catalogue.proposal for select using (identity.acts_as_editor());
create policy add on catalogue.proposal for insert with check (
  state = 'open' and reason is null and decided_by is null
  and exists (select from catalogue.record r
               where r.id = record_id and r.resource = proposal.resource
                 and r.status = 'published' and r.deleted_at is null));
create policy decide on catalogue.proposal for update using (identity.acts_as_editor());
-- The server looks for the end of those whose contact it must forget.
create policy clean on catalogue.proposal for select using (
  identity.acting_role() = 'service' and decided_at < now() - interval '30 days');
grant select, insert, update on catalogue.proposal to express_writer;
create policy read on catalogue.proposal_contact for select using (identity.acts_as_editor());
create policy add on catalogue.proposal_contact for insert with check (
  identity.acting_role() is not null);
create policy remove on catalogue.proposal_contact for delete using (identity.acts_as_editor());
create policy clean on catalogue.proposal_contact for select using (
  identity.acting_role() = 'service'
  and exists (select from catalogue.proposal p
               where p.id = proposal_id and p.decided_at < now() - interval '30 days'));
create policy clean_away on catalogue.proposal_contact for delete using (
  identity.acting_role() = 'service'
  and exists (select from catalogue.proposal p
               where p.id = proposal_id and p.decided_at < now() - interval '30 days'));
-- What erase_proposal_contact() does for the holder of the code.
create policy erase on catalogue.proposal_contact for delete to express_owner using (true);
create policy find on catalogue.proposal_contact for select to express_owner using (true);
create policy erase on catalogue.proposal for select to express_owner using (true);
grant select, insert, delete on catalogue.proposal_contact to express_writer;

create policy read on identity.client for select using (
  identity.acting_role() in ('admin', 'service', 'system')
  or id = identity.acting_client());
create policy administer on identity.client using (identity.acting_role() in ('admin', 'system'))
  with check (identity.acting_role() in ('admin', 'system'));
create policy note_use on identity.client for update using (identity.acting_role() = 'service');
-- What move_clients() does for an editor, who sees no clients.
create policy find on identity.client for select to express_owner using (true);
create policy move on identity.client for update to express_owner using (true);
grant select, insert, update on identity.client to express_writer;
create policy read on identity.client_secret for select using (
  identity.acting_role() in ('admin', 'service', 'system'));
create policy administer on identity.client_secret
  using (identity.acting_role() in ('admin', 'system'))
  with check (identity.acting_role() in ('admin', 'system'));
create policy note_use on identity.client_secret for update using (
  identity.acting_role() = 'service');
grant select, insert, update, delete on identity.client_secret to express_writer;
-- The server itself notes when something was used, and nothing else.
create function identity.guard_use() returns trigger
language plpgsql as $$
begin
  if current_setting('express.role', true) = 'service'
     and to_jsonb(new) - 'last_used_at' <> to_jsonb(old) - 'last_used_at' then
    raise insufficient_privilege;
  end if;
  return new;
end
$$;
create trigger guard before update on identity.client
  for each row execute function identity.guard_use();
create trigger guard before update on identity.client_secret
  for each row execute function identity.guard_use();
create policy read on identity.signing_key for select using (
  identity.acting_role() in ('service', 'system'));
create policy administer on identity.signing_key using (identity.acting_role() = 'system')
  with check (identity.acting_role() = 'system');
-- The server makes its first key by itself.
create policy begin_with on identity.signing_key for insert with check (
  identity.acting_role() = 'service');
grant select, insert on identity.signing_key to express_writer;
create policy read on identity.revoked_token for select using (
  identity.acting_role() in ('service', 'system'));
create policy add on identity.revoked_token for insert with check (
  identity.acting_role() in ('service', 'system'));
create policy remove on identity.revoked_token for delete using (
  identity.acting_role() in ('service', 'system') and expires_at < now());
grant select, insert, delete on identity.revoked_token to express_writer;

create policy own on identity.idempotency_key using (caller = identity.acting_caller())
  with check (caller = identity.acting_caller());
create policy expire on identity.idempotency_key for select using (
  identity.acting_role() = 'service' and created_at < now() - interval '24 hours');
create policy remove on identity.idempotency_key for delete using (
  identity.acting_role() = 'service' and created_at < now() - interval '24 hours');
grant select, insert, update, delete on identity.idempotency_key to express_writer;

-- Read by administrators; written by append(), take_seal() and prune() alone, which act as the
-- owner. Nobody changes an entry or a seal.
create policy read on audit.entry for select to express_writer using (
  (select identity.acting_role()) = 'admin');
create policy look on audit.entry for select to express_owner using (true);
create policy append on audit.entry for insert to express_owner with check (true);
create policy prune on audit.entry for delete to express_owner using (true);
create policy look on audit.chain for select to express_owner using (true);
create policy move on audit.chain for update to express_owner using (true);
create policy look on audit.seal for select to express_owner using (true);
create policy take on audit.seal for insert to express_owner with check (true);
create policy prune on audit.seal for delete to express_owner using (true);
grant select on audit.entry to express_writer;

do $$
declare
  part record;
begin
  for part in
    select c.oid::regclass as relation,
           case when exists (select from pg_attribute a
                              where a.attrelid = c.oid and a.attname = 'record_id')
                then 'record_id' else 'id' end as key
      from pg_class c
     where c.relnamespace = 'catalogue'::regnamespace and c.relkind = 'r'
       and not c.relrowsecurity and c.relname not in ('change', 'migration')
  loop
    perform catalogue.protect_resource(part.relation, part.key);
  end loop;
end
$$;

grant select, insert on catalogue.change to express_writer;
grant select, insert, update, delete on published.words, published.stems,
  published.search_languages, published.gone, published.moved, published.history to express_writer;
grant select on published.model to express_writer;

revoke all on function audit.append, audit.faults, audit.prune, audit.take_seal,
  catalogue.erase_proposal_contact, catalogue.limit_proposals, identity.move_clients from public;
grant execute on function audit.append, audit.prune, audit.take_seal,
  catalogue.erase_proposal_contact, identity.move_clients to express_writer;

reset role;
