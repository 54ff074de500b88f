#pragma once
/* The handlers of the public listener's routes; routes.c says which serves what, and whom. */
struct reply;
struct request;

int handle_records_list(struct request *request, struct reply *reply);
int handle_records_related(struct request *request, struct reply *reply);
int handle_record_read(struct request *request, struct reply *reply);
int handle_records_batch(struct request *request, struct reply *reply);
int handle_assessment_score(struct request *request, struct reply *reply);
int handle_coverage(struct request *request, struct reply *reply);
int handle_network_coverage(struct request *request, struct reply *reply);
int handle_network_paths(struct request *request, struct reply *reply);
int handle_partners(struct request *request, struct reply *reply);
int handle_impact(struct request *request, struct reply *reply);
int handle_practices_similar(struct request *request, struct reply *reply);
int handle_search(struct request *request, struct reply *reply);

int handle_audit_list(struct request *request, struct reply *reply);
int handle_oauth_token(struct request *request, struct reply *reply);
int handle_oauth_revoke(struct request *request, struct reply *reply);
int handle_oauth_metadata(struct request *request, struct reply *reply);
int handle_jwks(struct request *request, struct reply *reply);

int handle_clients_list(struct request *request, struct reply *reply);
int handle_client_create(struct request *request, struct reply *reply);
int handle_client_read(struct request *request, struct reply *reply);
int handle_client_change(struct request *request, struct reply *reply);
int handle_client_add_secret(struct request *request, struct reply *reply);
int handle_client_remove_secret(struct request *request, struct reply *reply);

int handle_participants_list(struct request *request, struct reply *reply);
int handle_participant_create(struct request *request, struct reply *reply);
int handle_participant_read(struct request *request, struct reply *reply);
int handle_participant_replace(struct request *request, struct reply *reply);
int handle_participant_change(struct request *request, struct reply *reply);
int handle_contact_read(struct request *request, struct reply *reply);
int handle_contact_set(struct request *request, struct reply *reply);
int handle_contact_remove(struct request *request, struct reply *reply);
int handle_consents_read(struct request *request, struct reply *reply);
int handle_consent_give(struct request *request, struct reply *reply);
int handle_consent_withdraw(struct request *request, struct reply *reply);
int handle_participant_erase(struct request *request, struct reply *reply);
int handle_erasure_read(struct request *request, struct reply *reply);
int handle_subject_access(struct request *request, struct reply *reply);

int handle_record_create(struct request *request, struct reply *reply);
int handle_record_replace(struct request *request, struct reply *reply);
int handle_record_patch(struct request *request, struct reply *reply);
int handle_record_delete(struct request *request, struct reply *reply);
int handle_working_copy_read(struct request *request, struct reply *reply);

int handle_mentoring_statistics(struct request *request, struct reply *reply);
int handle_programme_matches(struct request *request, struct reply *reply);
int handle_programme_cohort_match(struct request *request, struct reply *reply);

int handle_record_submit(struct request *request, struct reply *reply);
int handle_record_publish(struct request *request, struct reply *reply);
int handle_record_return(struct request *request, struct reply *reply);
int handle_record_archive(struct request *request, struct reply *reply);
int handle_record_verify(struct request *request, struct reply *reply);
int handle_record_merge(struct request *request, struct reply *reply);

int handle_versions_list(struct request *request, struct reply *reply);
int handle_version_read(struct request *request, struct reply *reply);
int handle_version_restore(struct request *request, struct reply *reply);

int handle_working_copies_list(struct request *request, struct reply *reply);
int handle_reviews_list(struct request *request, struct reply *reply);

int handle_financing_match(struct request *request, struct reply *reply);
int handle_financing_schedule(struct request *request, struct reply *reply);

int handle_correction_propose(struct request *request, struct reply *reply);
int handle_proposal_read(struct request *request, struct reply *reply);
int handle_proposal_accept(struct request *request, struct reply *reply);
int handle_proposal_decline(struct request *request, struct reply *reply);
int handle_proposal_erase(struct request *request, struct reply *reply);

int handle_pairs_list(struct request *request, struct reply *reply);
int handle_pair_propose(struct request *request, struct reply *reply);
int handle_pair_read(struct request *request, struct reply *reply);
int handle_pair_moves(struct request *request, struct reply *reply);
int handle_pair_move(struct request *request, struct reply *reply);
int handle_meetings_list(struct request *request, struct reply *reply);
int handle_meeting_create(struct request *request, struct reply *reply);
int handle_meeting_read(struct request *request, struct reply *reply);
int handle_meeting_change(struct request *request, struct reply *reply);
int handle_goals_list(struct request *request, struct reply *reply);
int handle_goal_create(struct request *request, struct reply *reply);
int handle_goal_read(struct request *request, struct reply *reply);
int handle_goal_change(struct request *request, struct reply *reply);
int handle_feedback_read(struct request *request, struct reply *reply);
int handle_feedback_give(struct request *request, struct reply *reply);
int handle_outcomes_list(struct request *request, struct reply *reply);
int handle_outcome_note(struct request *request, struct reply *reply);
int handle_outcome_remove(struct request *request, struct reply *reply);

int handle_service_describe(struct request *request, struct reply *reply);
int handle_contract_json(struct request *request, struct reply *reply);
int handle_contract_yaml(struct request *request, struct reply *reply);
int handle_problems_list(struct request *request, struct reply *reply);
int handle_problem_read(struct request *request, struct reply *reply);
int handle_api_catalog(struct request *request, struct reply *reply);
