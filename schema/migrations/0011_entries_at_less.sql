-- An entry of the audit log, and a version of a record, at less.
--
-- What is written stays as it was, and what was written before still verifies.

set local role express_owner;

-- As in 0006, but who acts is found out here: a function that is called from here and from elsewhere
-- is planned anew whenever the search path is another than last time, so twice for each change.
create or replace function audit.append(action text, resource text, record_id uuid, version integer,
                                        properties text[]) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  acting_role identity.caller_role :=
    case when current_setting('express.role') = 'system'
              and coalesce(nullif(current_setting('role'), 'none'), session_user::text)
                  <> 'express_owner'
         then null else current_setting('express.role')::identity.caller_role end;
  acting_client uuid := nullif(current_setting('express.client', true), '')::uuid;
  acting_subject text := nullif(current_setting('express.subject', true), '');
  request text := nullif(current_setting('express.request', true), '');
begin
  if acting_subject is not null and acting_role = 'participant' then
    acting_subject := mentoring.name_in_log(acting_subject, append.record_id);
  elsif acting_subject is not null and acting_role = 'service' then
    acting_subject := coalesce(mentoring.name_in_log(acting_subject, append.record_id),
                               acting_subject);
  end if;
  with moved as (
    update audit.chain c
       set entries = c.entries + 1, at = greatest(c.at, now.at),
           head = audit.entry_hash(c.head, c.id, c.entries + 1, greatest(c.at, now.at),
                                   acting_client, acting_role, acting_subject, append.action,
                                   append.resource, append.record_id, append.version, request,
                                   append.properties)
      from (select clock_timestamp() as at offset 0) now
     where c.id = pg_backend_pid() % 256
    returning c.id, c.entries, c.at, c.head)
  insert into audit.entry (chain, position, at, client_id, role, subject, action, resource,
                           record_id, version, request_id, properties, hash)
  select m.id, m.entries, m.at, acting_client, acting_role, acting_subject, append.action,
         append.resource, append.record_id, append.version, request, append.properties, m.head
    from moved m;
  if not found then
    raise no_data_found;
  end if;
end
$$;

-- The same of many at once, in the order given, chained as ever; but the chain is moved on once: for
-- several requests of one caller that one transaction carries out, and for everybody on a page. No
-- requests: they are all of the transaction's.
create function audit.append_all(action text, resource text, record_ids uuid[], versions integer[],
                                 requests text[], properties text[]) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  acting_role identity.caller_role :=
    case when current_setting('express.role') = 'system'
              and coalesce(nullif(current_setting('role'), 'none'), session_user::text)
                  <> 'express_owner'
         then null else current_setting('express.role')::identity.caller_role end;
  acting_client uuid := nullif(current_setting('express.client', true), '')::uuid;
  acting_subject text := nullif(current_setting('express.subject', true), '');
  request_id text := nullif(current_setting('express.request', true), '');
  line audit.chain;
  heads bytea[] := '{}';
  subjects text[] := '{}';
begin
  if acting_role is null or acting_role = 'service' then
    raise insufficient_privilege;
  end if;
  if cardinality(record_ids) = 0 then
    return;
  end if;
  select c.* into strict line from audit.chain c
   where c.id = pg_backend_pid() % 256 for no key update;
  line.at := greatest(line.at, clock_timestamp());
  for i in 1 .. cardinality(record_ids) loop
    subjects[i] := case when acting_subject is not null and acting_role = 'participant'
                          then mentoring.name_in_log(acting_subject, record_ids[i])
                        else acting_subject end;
    line.entries := line.entries + 1;
    line.head := audit.entry_hash(line.head, line.id, line.entries, line.at, acting_client,
                                  acting_role, subjects[i], append_all.action,
                                  append_all.resource, record_ids[i], versions[i],
                                  coalesce(requests[i], request_id), properties[i]::text[]);
    heads[i] := line.head;
  end loop;
  insert into audit.entry (chain, position, at, client_id, role, subject, action, resource,
                           record_id, version, request_id, properties, hash)
  select line.id, line.entries - cardinality(record_ids) + e.nth, line.at, acting_client,
         acting_role, e.subject, append_all.action, append_all.resource, e.record_id, e.version,
         coalesce(e.request, request_id), e.properties::text[], e.head
    from unnest(record_ids, versions, requests, append_all.properties, subjects, heads)
         with ordinality e(record_id, version, request, properties, subject, head, nth);
  update audit.chain c set entries = line.entries, at = line.at, head = line.head
   where c.id = line.id;
end
$$;
revoke all on function audit.append_all from public;
grant execute on function audit.append_all to express_writer;

-- Most of what a version costs is its compression. Where PostgreSQL was built with the quicker one:
do $$
begin
  alter table catalogue.version alter data set compression lz4;
exception
  when feature_not_supported then null;
end
$$;

reset role;
