-- Mentoring: the rules of a programme, which are public, and its people and pairs, which are not.
--
-- A person is here under a random id, with what is needed to find somebody who fits: languages,
-- sectors, skills, free hours of a week, a coarse area, an age band. No name, no address, no
-- nationality, religion or residence status, and no column for free text. How to reach somebody
-- lies in a table of its own. What must hold whoever writes, and however many at once, is
-- a constraint or a trigger here; who may see what is a policy.

set local express.role = 'system';

-- --- the rules of a programme ----------------------------------------------------------------------

set local role express_owner;

alter table catalogue.mentoring_programmes
  add column mentor_capacity integer check (mentor_capacity between 1 and 50),
  add column mentor_minimum_age integer check (mentor_minimum_age between 16 and 99),
  add column response_days integer check (response_days between 1 and 90),
  add column required_matches text[],
  add column match_weights_language integer check (match_weights_language between 0 and 100),
  add column match_weights_sector integer check (match_weights_sector between 0 and 100),
  add column match_weights_skills integer check (match_weights_skills between 0 and 100),
  add column match_weights_availability integer
    check (match_weights_availability between 0 and 100),
  add column match_weights_distance integer check (match_weights_distance between 0 and 100),
  add column match_weights_load integer check (match_weights_load between 0 and 100);
create table catalogue.mentoring_programmes_intakes (
  record_id uuid not null references catalogue.mentoring_programmes (id) on delete cascade,
  position integer not null check (position >= 0),
  name text not null,
  opens_on date not null,
  closes_on date not null,
  places integer check (places between 1 and 100000),
  primary key (record_id, position),
  constraint mentoring_programmes_intakes_closes_on_order check (opens_on <= closes_on)
);
comment on table catalogue.mentoring_programmes_intakes is
  'mentoring_programmes.intakes: When the programme takes new people.';
select catalogue.protect_resource('catalogue.mentoring_programmes_intakes', 'record_id');

-- --- people ----------------------------------------------------------------------------------------

reset role;
create schema mentoring authorization express_owner;
grant usage on schema mentoring to express_writer;
set local role express_owner;

-- The person behind the caller's token: its pseudonym, as the server makes it.
create function identity.acting_subject() returns text
language sql stable parallel safe
return nullif(current_setting('express.subject', true), '');

create type mentoring.participant_kind as enum ('mentor', 'mentee');
create type mentoring.language_level as enum ('A1', 'A2', 'B1', 'B2', 'C1', 'C2', 'native');
create type mentoring.age_band as enum ('16_17', '18_24', '25_34', '35_49', '50_64', '65_and_over');

create table mentoring.participant (
  id uuid primary key,
  kind mentoring.participant_kind not null,
  programme_id uuid not null references catalogue.mentoring_programmes (id),
  -- Pseudonym of the token's subject: who signs in as this person.
  subject text not null check (length(subject) between 16 and 128),
  -- What the audit log calls this person. Random, and gone with the row: what stays in the log
  -- leads to nobody.
  audit_id uuid not null unique default gen_random_uuid(),
  status text not null default 'available' check (status in ('available', 'paused')),
  sectors text[] not null default '{}' check (cardinality(sectors) <= 30),
  skills text[] not null default '{}' check (cardinality(skills) <= 50),
  goals text[] not null default '{}' check (cardinality(goals) <= 20),
  formats text[] not null check (formats <@ array['in_person', 'remote']
                                 and cardinality(formats) between 1 and 2),
  -- One bit for each part of each day: bit 0 is Monday morning, 1 its afternoon, 2 its evening.
  availability integer not null check (availability between 0 and 2097151),
  -- A coarse area: tenths of a degree, 7 to 11 km.
  area_country text check (area_country ~ '^[A-Z]{2}$'),
  area_lat numeric(3, 1) check (area_lat between -90 and 90),
  area_lon numeric(4, 1) check (area_lon between -180 and 180),
  age_band mentoring.age_band,
  -- How many pairs at once; mentors only.
  capacity integer check (capacity between 1 and 50),
  -- When the programme may begin with this person: an intake of the programme, by its name.
  intake text check (length(intake) <= 120),
  version integer not null default 1 check (version >= 1),
  created_at timestamptz not null default date_trunc('milliseconds', now()),
  updated_at timestamptz not null default date_trunc('milliseconds', now()),
  -- Consent was withdrawn: from then on nobody sees the person but the person.
  withdrawn_at timestamptz,
  -- The last thing that happened with this person: retention counts from here.
  active_at timestamptz not null default now(),
  unique (programme_id, kind, subject),
  unique (id, programme_id, kind),
  constraint participant_capacity_is_a_mentors check ((capacity is not null) = (kind = 'mentor')),
  constraint participant_area_whole check (num_nulls(area_lat, area_lon) in (0, 2))
);
create index participant_programme on mentoring.participant (programme_id, kind, id);
create index participant_subject on mentoring.participant (subject);
create index participant_active_at on mentoring.participant (active_at);
comment on table mentoring.participant is
  'Mentors and mentees, each of one programme: what is needed to match, under a random id.';
create table mentoring.participant_language (
  participant_id uuid not null references mentoring.participant (id) on delete cascade,
  language text not null check (language ~ '^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$'
                                and length(language) <= 35),
  level mentoring.language_level not null,
  primary key (participant_id, language)
);
comment on table mentoring.participant_language is 'Languages of a participant, by CEFR level.';

-- How to reach a person, apart from all else.
create table mentoring.contact (
  participant_id uuid primary key references mentoring.participant (id) on delete cascade,
  channel text not null check (channel in ('email', 'phone', 'messenger')),
  address text not null check (length(address) between 3 and 254),
  updated_at timestamptz not null default now()
);
comment on table mentoring.contact is
  'How to reach a person: for the coordinator, and for the partner while the pair is active.';

create table mentoring.consent (
  participant_id uuid not null references mentoring.participant (id) on delete cascade,
  purpose text not null check (purpose in ('programme', 'matching', 'contact', 'statistics')),
  version text not null check (length(version) between 1 and 40),
  given_at timestamptz not null,
  withdrawn_at timestamptz check (withdrawn_at >= given_at),
  primary key (participant_id, purpose, given_at)
);
create unique index consent_present on mentoring.consent (participant_id, purpose)
  where withdrawn_at is null;
comment on table mentoring.consent is
  'Who agreed to what, to which version of the words, from when to when. programme: to be in it at '
  'all; matching: to be proposed; contact: to be reached by the partner; statistics: to be counted.';

-- --- pairs -----------------------------------------------------------------------------------------

-- The life of a pair: each row is a move that there is. What is not here cannot happen.
create table mentoring.transition (
  move text not null,
  from_state text not null,
  to_state text not null,
  actors text[] not null,
  primary key (move, from_state)
);
comment on table mentoring.transition is
  'The moves of a pair, and who makes them; the contract shows the same table.';
insert into mentoring.transition (move, from_state, to_state, actors) values
  -- The first side to accept leaves it proposed; the second makes it accepted.
  ('accept', 'proposed', 'accepted', '{mentor,mentee,coordinator}'),
  ('decline', 'proposed', 'declined', '{mentor,mentee,coordinator}'),
  ('decline', 'accepted', 'declined', '{mentor,mentee,coordinator}'),
  ('withdraw', 'proposed', 'withdrawn', '{coordinator,service}'),
  ('withdraw', 'accepted', 'withdrawn', '{coordinator,service}'),
  ('expire', 'proposed', 'expired', '{service}'),
  ('expire', 'accepted', 'expired', '{service}'),
  ('start', 'accepted', 'active', '{coordinator}'),
  ('pause', 'active', 'paused', '{mentor,mentee,coordinator}'),
  ('resume', 'paused', 'active', '{mentor,mentee,coordinator}'),
  ('complete', 'active', 'completed', '{coordinator}'),
  ('complete', 'paused', 'completed', '{coordinator}'),
  ('end', 'active', 'ended_early', '{mentor,mentee,coordinator,service}'),
  ('end', 'paused', 'ended_early', '{mentor,mentee,coordinator,service}');

create table mentoring.pair (
  id uuid primary key,
  programme_id uuid not null references catalogue.mentoring_programmes (id),
  mentor_id uuid,
  mentee_id uuid,
  mentor_kind mentoring.participant_kind not null default 'mentor' check (mentor_kind = 'mentor'),
  mentee_kind mentoring.participant_kind not null default 'mentee' check (mentee_kind = 'mentee'),
  -- Who the two are to the policies: as in mentoring.participant.
  mentor_subject text,
  mentee_subject text,
  state text not null default 'proposed' check (state in ('proposed', 'accepted', 'active', 'paused',
    'completed', 'ended_early', 'declined', 'withdrawn', 'expired')),
  version integer not null default 1 check (version >= 1),
  -- Points of the match that it was proposed with, of 1 000.
  score integer check (score between 0 and 1000),
  proposed_at timestamptz not null default date_trunc('milliseconds', now()),
  respond_by timestamptz not null,
  mentor_accepted_at timestamptz,
  mentee_accepted_at timestamptz,
  accepted_at timestamptz,
  started_at timestamptz,
  -- By the duration of the programme; null: open.
  due_at timestamptz,
  paused_at timestamptz,
  ended_at timestamptz,
  reason text check (reason ~ '^[a-z]+(_[a-z]+)*$' and length(reason) <= 60),
  updated_at timestamptz not null default date_trunc('milliseconds', now()),
  constraint pair_mentor foreign key (mentor_id, programme_id, mentor_kind)
    references mentoring.participant (id, programme_id, kind) on delete set null (mentor_id),
  constraint pair_mentee foreign key (mentee_id, programme_id, mentee_kind)
    references mentoring.participant (id, programme_id, kind) on delete set null (mentee_id),
  constraint pair_of_two check (mentor_id <> mentee_id),
  constraint pair_not_oneself check (mentor_subject <> mentee_subject),
  constraint pair_accepted_by_both check (state not in ('accepted', 'active', 'paused', 'completed')
    or (mentor_accepted_at is not null and mentee_accepted_at is not null
        and accepted_at is not null)),
  constraint pair_started check (state not in ('active', 'paused', 'completed', 'ended_early')
    or started_at is not null),
  constraint pair_paused check ((paused_at is not null) = (state = 'paused')),
  constraint pair_ended check ((ended_at is not null)
    = (state in ('completed', 'ended_early', 'declined', 'withdrawn', 'expired'))),
  constraint pair_in_order check (proposed_at <= coalesce(accepted_at, proposed_at)
    and coalesce(accepted_at, proposed_at) <= coalesce(started_at, accepted_at, proposed_at)
    and coalesce(started_at, proposed_at) <= coalesce(ended_at, started_at, proposed_at))
);
-- One pair at a time for each mentee, from the proposal to the end; and never two of the same two.
create unique index pair_mentee_open on mentoring.pair (mentee_id)
  where state in ('proposed', 'accepted', 'active', 'paused');
create index pair_mentor_open on mentoring.pair (mentor_id)
  where state in ('proposed', 'accepted', 'active', 'paused');
create index pair_mentor on mentoring.pair (mentor_id);
create index pair_mentee on mentoring.pair (mentee_id);
create index pair_mentor_subject on mentoring.pair (mentor_subject);
create index pair_mentee_subject on mentoring.pair (mentee_subject);
create index pair_programme on mentoring.pair (programme_id, id);
create index pair_respond_by on mentoring.pair (respond_by) where state in ('proposed', 'accepted');
comment on table mentoring.pair is 'A mentor and a mentee, from the proposal to the end.';

create table mentoring.pair_move (
  pair_id uuid not null references mentoring.pair (id) on delete cascade,
  version integer not null check (version >= 1),
  move text not null check (move in ('propose', 'accept', 'decline', 'withdraw', 'expire', 'start',
    'pause', 'resume', 'complete', 'end')),
  from_state text,
  to_state text not null,
  actor text not null check (actor in ('mentor', 'mentee', 'coordinator', 'service')),
  -- On whose side it was done: a coordinator may say yes for somebody who has done so by telephone.
  side text check (side in ('mentor', 'mentee')),
  reason text check (reason ~ '^[a-z]+(_[a-z]+)*$' and length(reason) <= 60),
  at timestamptz not null,
  primary key (pair_id, version)
);
comment on table mentoring.pair_move is 'What happened with a pair; rows are only ever added.';

create table mentoring.meeting (
  id uuid primary key,
  pair_id uuid not null references mentoring.pair (id) on delete cascade,
  state text not null default 'planned' check (state in ('planned', 'held', 'missed', 'cancelled')),
  starts_at timestamptz not null,
  duration_minutes integer check (duration_minutes between 5 and 600),
  format text check (format in ('in_person', 'remote')),
  reason text check (reason ~ '^[a-z]+(_[a-z]+)*$' and length(reason) <= 60),
  -- Planned, over, and nobody has said what became of it.
  overdue_since timestamptz,
  version integer not null default 1 check (version >= 1),
  updated_at timestamptz not null default date_trunc('milliseconds', now()),
  constraint meeting_overdue_is_planned check (overdue_since is null or state = 'planned')
);
create index meeting_pair on mentoring.meeting (pair_id, starts_at, id);
create index meeting_due on mentoring.meeting (starts_at)
  where state = 'planned' and overdue_since is null;
comment on table mentoring.meeting is 'Meetings of pairs.';

create table mentoring.goal (
  id uuid primary key,
  pair_id uuid not null references mentoring.pair (id) on delete cascade,
  term text not null check (term ~ '^[a-z0-9]+(_[a-z0-9]+)*$' and length(term) <= 60),
  progress integer not null default 0 check (progress between 0 and 100),
  state text not null default 'open' check (state in ('open', 'reached', 'dropped')),
  version integer not null default 1 check (version >= 1),
  created_at timestamptz not null default date_trunc('milliseconds', now()),
  updated_at timestamptz not null default date_trunc('milliseconds', now()),
  unique (pair_id, term),
  constraint goal_reached_is_whole check (state <> 'reached' or progress = 100)
);
comment on table mentoring.goal is 'What a pair works towards, as coded terms.';

create table mentoring.feedback (
  pair_id uuid not null references mentoring.pair (id) on delete cascade,
  side text not null check (side in ('mentor', 'mentee')),
  moment text not null check (moment in ('middle', 'end')),
  satisfaction integer not null check (satisfaction between 1 and 5),
  usefulness integer check (usefulness between 1 and 5),
  relationship integer check (relationship between 1 and 5),
  would_repeat boolean,
  given_at timestamptz not null default date_trunc('milliseconds', now()),
  primary key (pair_id, side, moment)
);
comment on table mentoring.feedback is
  'How each side found it, on scales from 1 to 5: for the coordinator and whoever gave it.';

create table mentoring.outcome (
  pair_id uuid not null references mentoring.pair (id) on delete cascade,
  moment text not null check (moment in ('end', 'months_3', 'months_6')),
  code text not null check (code in ('job', 'training', 'business_created', 'other', 'none')),
  noted_at timestamptz not null default date_trunc('milliseconds', now()),
  primary key (pair_id, moment, code)
);
comment on table mentoring.outcome is 'What became of the mentee, at the end and afterwards.';

-- Who was erased, by random ids alone: done again after a backup has brought them back.
create table mentoring.erasure (
  receipt uuid primary key,
  participant_id uuid not null unique,
  kind mentoring.participant_kind not null,
  cause text not null check (cause in ('request', 'retention')),
  erased_at timestamptz not null default now()
);
comment on table mentoring.erasure is
  'Ledger of the erased: nothing but ids that lead to nobody any more.';

-- --- what holds whoever writes ---------------------------------------------------------------------

-- A new pair: both are of this programme, available, and agree to be matched; the mentor has room.
-- The two rows are locked, in the order of their ids, so that of two coordinators one waits and
-- then counts the other's pair.
create function mentoring.guard_proposal() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  person mentoring.participant;
  room integer;
begin
  for person in
    select p.* from mentoring.participant p where p.id in (new.mentor_id, new.mentee_id)
     order by p.id for update
  loop
    if person.withdrawn_at is not null or person.status <> 'available' or not exists (
         select from mentoring.consent c where c.participant_id = person.id
            and c.purpose = 'matching' and c.withdrawn_at is null) then
      raise exception using errcode = 'check_violation', constraint = 'pair_person_available';
    end if;
    if person.kind = 'mentor' then
      new.mentor_subject := person.subject;
      select least(person.capacity, coalesce(m.mentor_capacity, 1)) into room
        from catalogue.mentoring_programmes m where m.id = new.programme_id;
    else
      new.mentee_subject := person.subject;
    end if;
  end loop;
  if (select count(*) from mentoring.pair p where p.mentor_id = new.mentor_id
        and p.state in ('proposed', 'accepted', 'active', 'paused')) >= room then
    raise exception using errcode = 'check_violation', constraint = 'pair_capacity';
  end if;
  return new;
end
$$;
create trigger guard_proposal before insert on mentoring.pair
  for each row execute function mentoring.guard_proposal();

-- One move after the other, each one that there is, and none after the end.
create function mentoring.guard_move() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  -- Erasing takes the person out of the pair, and nothing else.
  if (new.mentor_id is null and old.mentor_id is not null)
     or (new.mentee_id is null and old.mentee_id is not null) then
    if new.mentor_id is null then
      new.mentor_subject := null;
    end if;
    if new.mentee_id is null then
      new.mentee_subject := null;
    end if;
    if new.state <> old.state then
      raise exception using errcode = 'check_violation', constraint = 'pair_transition';
    end if;
    return new;
  end if;
  if (new.id, new.programme_id, new.proposed_at)
     is distinct from (old.id, old.programme_id, old.proposed_at)
     or (new.mentor_id, new.mentee_id, new.mentor_subject, new.mentee_subject)
     is distinct from (old.mentor_id, old.mentee_id, old.mentor_subject, old.mentee_subject)
     or new.version <> old.version + 1 then
    raise exception using errcode = 'check_violation', constraint = 'pair_identity_stays';
  end if;
  if new.state <> old.state and not exists (
       select from mentoring.transition t
        where t.from_state = old.state and t.to_state = new.state) then
    raise exception using errcode = 'check_violation', constraint = 'pair_transition';
  end if;
  if old.ended_at is not null then
    raise exception using errcode = 'check_violation', constraint = 'pair_transition';
  end if;
  return new;
end
$$;
create trigger guard_move before update on mentoring.pair
  for each row execute function mentoring.guard_move();

-- Who somebody is stays; one version follows the other.
create function mentoring.guard_participant() returns trigger
language plpgsql as $$
begin
  if (new.id, new.kind, new.programme_id, new.subject, new.audit_id, new.created_at)
     is distinct from (old.id, old.kind, old.programme_id, old.subject, old.audit_id, old.created_at)
     or new.version not in (old.version, old.version + 1)
     or (new.version = old.version and to_jsonb(new) - 'active_at' <> to_jsonb(old) - 'active_at')
     or (old.withdrawn_at is not null and new.withdrawn_at is distinct from old.withdrawn_at) then
    raise exception using errcode = 'check_violation', constraint = 'participant_identity_stays';
  end if;
  return new;
end
$$;
create trigger guard before update on mentoring.participant
  for each row execute function mentoring.guard_participant();

-- Consent to be in the programme is withdrawn: at once nobody sees the person, and the pairs end.
create function mentoring.heed_withdrawal() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  if new.withdrawn_at is null or old.withdrawn_at is not null then
    return new;
  end if;
  if new.purpose = 'programme' then
    update mentoring.participant p set withdrawn_at = new.withdrawn_at, version = p.version + 1,
           updated_at = date_trunc('milliseconds', now())
     where p.id = new.participant_id and p.withdrawn_at is null;
  end if;
  if new.purpose in ('programme', 'matching') then
    with open as (
      select p.id, p.state from mentoring.pair p
       where new.participant_id in (p.mentor_id, p.mentee_id)
         and (p.state in ('proposed', 'accepted')
              or (new.purpose = 'programme' and p.state in ('active', 'paused')))
         for update),
    ended as (
      update mentoring.pair p
         set state = case when open.state in ('active', 'paused') then 'ended_early'
                          else 'withdrawn' end,
             version = p.version + 1, reason = 'consent_withdrawn', paused_at = null,
             ended_at = date_trunc('milliseconds', now()),
             updated_at = date_trunc('milliseconds', now())
        from open where open.id = p.id
      returning p.id, p.version, open.state as before, p.state, p.ended_at)
    insert into mentoring.pair_move (pair_id, version, move, from_state, to_state, actor, reason, at)
    select e.id, e.version, case when e.state = 'withdrawn' then 'withdraw' else 'end' end, e.before,
           e.state, 'service', 'consent_withdrawn', e.ended_at
      from ended e;
  end if;
  return new;
end
$$;
create trigger heed_withdrawal after update on mentoring.consent
  for each row execute function mentoring.heed_withdrawal();

-- --- who may ---------------------------------------------------------------------------------------

select catalogue.force_row_security(t) from unnest(array[
  'mentoring.participant', 'mentoring.participant_language', 'mentoring.contact',
  'mentoring.consent', 'mentoring.pair', 'mentoring.pair_move', 'mentoring.meeting',
  'mentoring.goal', 'mentoring.feedback', 'mentoring.outcome', 'mentoring.erasure']::regclass[]) t;

-- A coordinator has the programmes that belong to its organisation, and who is in them with consent;
-- a participant has itself, and the partner of its pair until that has ended.
create policy coordinate on mentoring.participant using (
  (select identity.acting_role()) = 'coordinator' and withdrawn_at is null and exists (
    select from catalogue.record r
     where r.id = programme_id and r.owner_id = (select identity.acting_organisation())
       and r.deleted_at is null));
create policy own on mentoring.participant for select using (
  (select identity.acting_role()) = 'participant'
  and subject = (select identity.acting_subject()));
create policy change_own on mentoring.participant for update using (
  (select identity.acting_role()) = 'participant'
  and subject = (select identity.acting_subject()));
create policy partner on mentoring.participant for select using (
  (select identity.acting_role()) = 'participant' and withdrawn_at is null and exists (
    select from mentoring.pair p
     where ((p.mentor_id = participant.id
             and p.mentee_subject = (select identity.acting_subject()))
            or (p.mentee_id = participant.id
                and p.mentor_subject = (select identity.acting_subject())))
       and p.state in ('proposed', 'accepted', 'active', 'paused')));
grant select, insert, update on mentoring.participant to express_writer;
-- What the functions of this schema do, which act as the owner.
create policy act on mentoring.participant to express_owner using (true) with check (true);

create policy of_person on mentoring.participant_language for select using (
  exists (select from mentoring.participant p where p.id = participant_id));
create policy write on mentoring.participant_language using (
  exists (select from mentoring.participant p where p.id = participant_id
             and ((select identity.acting_role()) = 'coordinator'
                  or p.subject = (select identity.acting_subject()))));
grant select, insert, update, delete on mentoring.participant_language to express_writer;
create policy act on mentoring.participant_language to express_owner using (true) with check (true);

create policy write on mentoring.contact using (
  exists (select from mentoring.participant p where p.id = participant_id
             and ((select identity.acting_role()) = 'coordinator'
                  or p.subject = (select identity.acting_subject()))));
-- The partner: while the pair is active, and as long as the person agrees to be reached.
create policy partner on mentoring.contact for select using (
  (select identity.acting_role()) = 'participant'
  and exists (select from mentoring.consent c where c.participant_id = contact.participant_id
                 and c.purpose = 'contact' and c.withdrawn_at is null)
  and exists (
    select from mentoring.pair p
     where ((p.mentor_id = contact.participant_id
             and p.mentee_subject = (select identity.acting_subject()))
            or (p.mentee_id = contact.participant_id
                and p.mentor_subject = (select identity.acting_subject())))
       and p.state = 'active'));
grant select, insert, update, delete on mentoring.contact to express_writer;
create policy act on mentoring.contact to express_owner using (true) with check (true);

create policy of_person on mentoring.consent for select using (
  exists (select from mentoring.participant p where p.id = participant_id));
create policy write on mentoring.consent using (
  exists (select from mentoring.participant p where p.id = participant_id
             and ((select identity.acting_role()) = 'coordinator'
                  or p.subject = (select identity.acting_subject()))));
grant select, insert, update on mentoring.consent to express_writer;
create policy act on mentoring.consent to express_owner using (true) with check (true);

create policy coordinate on mentoring.pair using (
  (select identity.acting_role()) = 'coordinator' and exists (
    select from catalogue.record r
     where r.id = programme_id and r.owner_id = (select identity.acting_organisation())
       and r.deleted_at is null));
create policy own on mentoring.pair for select using (
  (select identity.acting_role()) = 'participant'
  and (select identity.acting_subject()) in (mentor_subject, mentee_subject));
create policy take_part on mentoring.pair for update using (
  (select identity.acting_role()) = 'participant'
  and (select identity.acting_subject()) in (mentor_subject, mentee_subject));
-- The worker: what is due.
create policy due on mentoring.pair using (
  (select identity.acting_role()) = 'service' and state in ('proposed', 'accepted')
  and respond_by < now())
  with check ((select identity.acting_role()) = 'service' and state = 'expired');
create policy expired on mentoring.pair for select using (
  (select identity.acting_role()) = 'service' and state = 'expired');
grant select, insert, update on mentoring.pair to express_writer;
create policy act on mentoring.pair to express_owner using (true) with check (true);

create policy of_pair on mentoring.pair_move for select using (
  exists (select from mentoring.pair p where p.id = pair_id));
create policy add on mentoring.pair_move for insert with check (
  exists (select from mentoring.pair p where p.id = pair_id and p.version = pair_move.version
             and p.state = to_state)
  and (actor = (select identity.acting_role())::text
       or ((select identity.acting_role()) = 'participant' and actor in ('mentor', 'mentee'))));
grant select, insert on mentoring.pair_move to express_writer;
create policy act on mentoring.pair_move to express_owner using (true) with check (true);

create policy of_pair on mentoring.meeting using (
  exists (select from mentoring.pair p where p.id = pair_id))
  with check (exists (select from mentoring.pair p where p.id = pair_id));
create policy due on mentoring.meeting using (
  (select identity.acting_role()) = 'service' and state = 'planned' and starts_at < now());
grant select, insert, update on mentoring.meeting to express_writer;
create policy act on mentoring.meeting to express_owner using (true) with check (true);

create policy of_pair on mentoring.goal using (
  exists (select from mentoring.pair p where p.id = pair_id))
  with check (exists (select from mentoring.pair p where p.id = pair_id));
grant select, insert, update on mentoring.goal to express_writer;
create policy act on mentoring.goal to express_owner using (true) with check (true);

-- Each side's word is between that side and the coordinator.
create policy coordinate on mentoring.feedback for select using (
  (select identity.acting_role()) = 'coordinator'
  and exists (select from mentoring.pair p where p.id = pair_id));
create policy own on mentoring.feedback using (
  (select identity.acting_role()) = 'participant' and exists (
    select from mentoring.pair p where p.id = pair_id
       and case side when 'mentor' then p.mentor_subject else p.mentee_subject end
           = (select identity.acting_subject())));
grant select, insert, update on mentoring.feedback to express_writer;
create policy act on mentoring.feedback to express_owner using (true) with check (true);

create policy of_pair on mentoring.outcome for select using (
  exists (select from mentoring.pair p where p.id = pair_id));
create policy note on mentoring.outcome for insert with check (
  (select identity.acting_role()) = 'coordinator'
  and exists (select from mentoring.pair p where p.id = pair_id));
create policy correct on mentoring.outcome for delete using (
  (select identity.acting_role()) = 'coordinator'
  and exists (select from mentoring.pair p where p.id = pair_id));
grant select, insert, delete on mentoring.outcome to express_writer;
create policy act on mentoring.outcome to express_owner using (true) with check (true);

create policy act on mentoring.erasure to express_owner using (true) with check (true);

grant select on mentoring.transition to express_writer;

revoke all on function mentoring.guard_proposal, mentoring.guard_move, mentoring.heed_withdrawal
  from public;
reset role;
