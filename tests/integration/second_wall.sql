-- Two organisations, what each of them has, and something in every private table: for
-- test_second_wall.c and test_decisions.c. Run by a superuser, whom no policy binds.
set express.role = 'admin';
set express.client = '00000000-0000-4000-8000-0000000000c9';
set express.caller = 'client:admin';

-- Made after a record that is there, so that nothing here has to know what a resource demands.
create function pg_temp.copy_of(relation regclass, old_id uuid, new_id uuid) returns void
language plpgsql as $$
begin
  execute format(
    'create temp table copied as select * from %s where id = $1', relation) using old_id;
  update copied set id = new_id;
  execute format('insert into %s select * from copied', relation);
  drop table copied;
end
$$;

create function pg_temp.make(new_id uuid, resource text, slug text, status text, owner uuid,
                             is_deleted boolean) returns void
language plpgsql as $$
declare
  model uuid := (select r.id from catalogue.record r where r.resource = make.resource
                  order by r.slug limit 1);
  was_public boolean := status in ('published', 'archived') or is_deleted;
begin
  insert into catalogue.record (id, resource, slug, status, owner_id, version, latest,
                                first_published_at, deleted_at, waiting_since, verify_due)
  values (new_id, resource, slug, status, owner, 1, 1, case when was_public then now() end,
          case when is_deleted then now() end, case when status = 'in_review' then now() end,
          now() + interval '1 year');
  perform pg_temp.copy_of(('catalogue.' || replace(resource, '-', '_'))::regclass, model, new_id);
  insert into catalogue.record_translations (record_id, position, language, property, text, origin)
  values (new_id, 0, 'fr', 'title', 'texte', 'author');
  insert into catalogue.version (record_id, version, action, status, data, role)
  values (new_id, 1, 'create', status, '{"canary": true}', 'system');
end
$$;

select pg_temp.make('00000000-0000-4000-8000-00000000000a', 'organisations', 'wall-a', 'published',
                    null, false),
       pg_temp.make('00000000-0000-4000-8000-00000000000b', 'organisations', 'wall-b', 'published',
                    null, false);
select pg_temp.make(id::uuid, 'practices', slug, status, owner::uuid, is_deleted)
  from (values
    ('00000000-0000-4000-8000-0000000000a1', 'wall-draft-a', 'draft', false,
     '00000000-0000-4000-8000-00000000000a'),
    ('00000000-0000-4000-8000-0000000000a2', 'wall-review-a', 'in_review', false,
     '00000000-0000-4000-8000-00000000000a'),
    ('00000000-0000-4000-8000-0000000000a3', 'wall-published-a', 'published', false,
     '00000000-0000-4000-8000-00000000000a'),
    ('00000000-0000-4000-8000-0000000000a4', 'wall-archived-a', 'archived', false,
     '00000000-0000-4000-8000-00000000000a'),
    ('00000000-0000-4000-8000-0000000000a5', 'wall-deleted-a', 'published', true,
     '00000000-0000-4000-8000-00000000000a'),
    ('00000000-0000-4000-8000-0000000000b1', 'wall-draft-b', 'draft', false,
     '00000000-0000-4000-8000-00000000000b'),
    ('00000000-0000-4000-8000-0000000000b3', 'wall-published-b', 'published', false,
     '00000000-0000-4000-8000-00000000000b'),
    ('00000000-0000-4000-8000-0000000000e1', 'wall-draft-of-nobody', 'draft', false, null)
  ) as made (id, slug, status, is_deleted, owner);
update catalogue.record set source_name = 'wall', source_external_id = '1'
 where slug = 'wall-draft-b';
select pg_temp.make('00000000-0000-4000-8000-0000000000f1', 'vocabularies', 'wall-vocabulary',
                    'published', null, false);
insert into catalogue.slug_history (resource, old_slug, record_id)
values ('practices', 'wall-was-draft-a', '00000000-0000-4000-8000-0000000000a1'),
       ('practices', 'wall-was-published-a', '00000000-0000-4000-8000-0000000000a3');

insert into catalogue.proposal (id, resource, record_id, base_version, patch, erasure_hash, state,
                                decided_at)
values ('00000000-0000-4000-8000-0000000000d1', 'practices',
        '00000000-0000-4000-8000-0000000000a3', 1, '{}', '\x01', 'open', null),
       ('00000000-0000-4000-8000-0000000000d2', 'practices',
        '00000000-0000-4000-8000-0000000000a3', 1, '{}', '\x02', 'accepted', now()),
       ('00000000-0000-4000-8000-0000000000d3', 'practices',
        '00000000-0000-4000-8000-0000000000a3', 1, '{}', '\x03', 'declined',
        now() - interval '31 days');
insert into catalogue.proposal_contact (proposal_id, name, email)
select id, 'canary', 'canary@example.org' from catalogue.proposal;

insert into identity.client (id, name, organisation_id, role, scopes)
values ('00000000-0000-4000-8000-0000000000ca', 'of A', '00000000-0000-4000-8000-00000000000a',
        'partner', '{read,write}'),
       ('00000000-0000-4000-8000-0000000000cb', 'of B', '00000000-0000-4000-8000-00000000000b',
        'partner', '{read,write}');
insert into identity.client_secret (client_id, slot, hash)
select id, 1, '$argon2id$canary' from identity.client where name in ('of A', 'of B');
insert into identity.signing_key (kid, algorithm, public_pem, private_sealed)
values ('wall', 'ES256', 'canary', '\x00');
update identity.signing_key set retired_at = now(), expires_at = now() where kid = 'wall';
insert into identity.revoked_token (jti, expires_at)
values ('wall-old', now() - interval '1 minute'), ('wall-young', now() + interval '1 hour');
insert into identity.idempotency_key (caller, key, fingerprint, created_at)
values ('client:a', 'wall-old', '\x01', now() - interval '25 hours'),
       ('client:a', 'wall-young', '\x01', now()), ('client:b', 'wall-young', '\x01', now());
select audit.append('record.create', 'practices', '00000000-0000-4000-8000-0000000000a1', 1, null);

-- A programme with a pair that has lived through everything: written down, not lived.
select pg_temp.make('00000000-0000-4000-8000-00000000000c', 'organisations', 'wall-c', 'published',
                    null, false),
       pg_temp.make('00000000-0000-4000-8000-0000000000c1', 'mentoring-programmes', 'wall-programme',
                    'published', '00000000-0000-4000-8000-00000000000c', false);
set session_replication_role = replica;
insert into mentoring.participant (id, kind, programme_id, subject, formats, availability, capacity)
values ('00000000-0000-4000-8000-000000000011', 'mentor', '00000000-0000-4000-8000-0000000000c1',
        'canary of the mentor', '{remote}', 1, 1),
       ('00000000-0000-4000-8000-000000000012', 'mentee', '00000000-0000-4000-8000-0000000000c1',
        'canary of the mentee', '{remote}', 1, null);
insert into mentoring.participant_language (participant_id, language, level)
select id, 'fr', 'B1' from mentoring.participant where subject like 'canary%';
insert into mentoring.contact (participant_id, channel, address)
select id, 'email', 'canary@example.org' from mentoring.participant where subject like 'canary%';
insert into mentoring.consent (participant_id, purpose, version, given_at)
select id, 'programme', '1', now() from mentoring.participant where subject like 'canary%';
insert into mentoring.pair (id, programme_id, mentor_id, mentee_id, mentor_subject, mentee_subject,
                            respond_by, state, reason, mentor_accepted_at, mentee_accepted_at,
                            accepted_at, started_at, ended_at)
values ('00000000-0000-4000-8000-000000000013', '00000000-0000-4000-8000-0000000000c1',
        '00000000-0000-4000-8000-000000000011', '00000000-0000-4000-8000-000000000012',
        'canary of the mentor', 'canary of the mentee', now(), 'completed', 'goals_reached', now(),
        now(), now(), now(), now());
insert into mentoring.pair_move (pair_id, version, move, to_state, actor, at)
values ('00000000-0000-4000-8000-000000000013', 1, 'propose', 'proposed', 'coordinator', now());
insert into mentoring.meeting (id, pair_id, state, starts_at, answer_by)
values ('00000000-0000-4000-8000-000000000014', '00000000-0000-4000-8000-000000000013', 'held', now(),
        now());
insert into mentoring.goal (id, pair_id, term)
values ('00000000-0000-4000-8000-000000000015', '00000000-0000-4000-8000-000000000013',
        'start_business');
insert into mentoring.feedback (pair_id, side, moment, satisfaction)
values ('00000000-0000-4000-8000-000000000013', 'mentee', 'end', 5);
insert into mentoring.outcome (pair_id, moment, code)
values ('00000000-0000-4000-8000-000000000013', 'end', 'business_created');
set session_replication_role = default;
