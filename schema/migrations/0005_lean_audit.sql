-- The audit log, in one statement an entry: what it costs, every change costs.
--
-- What is written stays as it was, and what was written before still verifies.

set local express.role = 'system';
set local role express_owner;

-- The time of the last entry, so that the next one need not wait for the lock to take its own.
alter table audit.chain add column at timestamptz not null default '-infinity';
update audit.chain c
   set at = coalesce((select e.at from audit.entry e
                       where e.chain = c.id order by e.position desc limit 1), c.at);
comment on column audit.chain.at is 'Time of the last entry: no later one is earlier.';

-- append() alone writes entries, into chains that it has just moved on.
alter table audit.entry drop constraint entry_chain_fkey;

-- Stable, as some of what it calls is: so that a statement takes it over whole, where an immutable one
-- would be planned anew in every transaction.
create or replace function audit.entry_hash(
  before bytea, chain smallint, entry_position bigint, at timestamptz, client_id uuid,
  role identity.caller_role, subject text, action text, resource text, record_id uuid,
  version integer, request_id text, properties text[]) returns bytea
language sql stable parallel safe
return sha256(before || convert_to(jsonb_build_array(
  chain, entry_position, (extract(epoch from at) * 1000000)::bigint, client_id, role::text, subject,
  action, resource, record_id, version, request_id, to_jsonb(properties))::text, 'UTF8'));

-- The one way in. The application may neither write the tables nor choose whom it acts for here.
-- Who waited for the chain sees it as it has become; its own time may be earlier than that of the
-- entry it waited for, and then it takes that one: time never goes back within a chain.
create or replace function audit.append(action text, resource text, record_id uuid, version integer,
                                        properties text[]) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  with acting as (
    select clock_timestamp() as at, identity.acting_client() as client_id,
           identity.acting_role() as role,
           nullif(current_setting('express.subject', true), '') as subject,
           nullif(current_setting('express.request', true), '') as request_id),
  moved as (
    update audit.chain c
       set entries = c.entries + 1, at = greatest(c.at, a.at),
           head = audit.entry_hash(c.head, c.id, c.entries + 1, greatest(c.at, a.at), a.client_id,
                                   a.role, a.subject, append.action, append.resource,
                                   append.record_id, append.version, a.request_id,
                                   append.properties)
      from acting a
     where c.id = pg_backend_pid() % 256
    returning c.id, c.entries, c.at, c.head, a.client_id, a.role, a.subject, a.request_id)
  insert into audit.entry (chain, position, at, client_id, role, subject, action, resource,
                           record_id, version, request_id, properties, hash)
  select m.id, m.entries, m.at, m.client_id, m.role, m.subject, append.action, append.resource,
         append.record_id, append.version, m.request_id, append.properties, m.head
    from moved m;
  if not found then
    raise no_data_found;
  end if;
end
$$;

reset role;
