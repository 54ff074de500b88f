-- Who acts, asked at less: a statement asks five times for each table that it touches.
--
-- Functions in SQL are taken over into the statement, and every execution sets up each word of them
-- anew, for every policy, which cost more than all that they compute. These stay one call each. What
-- they answer is what it was.

set local role express_owner;

-- Asked is the role that the session has taken on, not current_user: in a function of the owner that
-- would be the owner for everybody.
create or replace function identity.acting_role() returns identity.caller_role
language plpgsql stable parallel safe as $$
begin
  return case when pg_catalog.current_setting('express.role') = 'system'
                   and coalesce(nullif(pg_catalog.current_setting('role'), 'none'),
                                session_user::text) <> 'express_owner'
              then null
              else pg_catalog.current_setting('express.role')::identity.caller_role end;
end
$$;

create or replace function identity.acting_organisation() returns uuid
language plpgsql stable parallel safe as $$
begin
  return nullif(pg_catalog.current_setting('express.organisation', true), '')::uuid;
end
$$;

create or replace function identity.acts_as_editor() returns boolean
language plpgsql stable parallel safe as $$
begin
  return case pg_catalog.current_setting('express.role')::identity.caller_role
           when 'editor' then true
           when 'admin' then true
           when 'system' then identity.acting_role() is not null
           else false end;
end
$$;

create or replace function identity.acts_as_partner() returns boolean
language plpgsql stable parallel safe as $$
begin
  return pg_catalog.current_setting('express.role')::identity.caller_role
         in ('partner', 'coordinator');
end
$$;

reset role;
