// entry_fields.h — the field list of every entry message, once, for both directions.
//
// Why: an encoder and a decoder with a list each will differ some day, and then
// nobody can say which one the log obeys. `visitor(number, member)` is called in
// rising number; the members' types say how they are written.
// Source: docs/audit-entry.md section 2; numbers are never reused. Private to audit/.
// Errors: CheckEntry gives InvalidArgument with the field; never a value of it.
#ifndef DOMICILE_GATEWAY_AUDIT_ENTRY_FIELDS_H_
#define DOMICILE_GATEWAY_AUDIT_ENTRY_FIELDS_H_

#include "absl/status/status.h"
#include "gateway/audit/entry.h"

namespace domicile::audit::internal {

// Everything docs/audit-entry.md says about ranges, order and fields that go together.
absl::Status CheckEntry(const Entry& entry);

// Field numbers in Entry; a body's is kContextBody + its place in Entry::body.
inline constexpr uint32_t kVersionField = 1, kTimeField = 2, kContextField = 3, kContextBody = 4;

template <class V>
void VisitFields(V& v, auto& e) requires requires {
  e.policy_digest;
}
{
  v(1, e.cause);
  v(2, e.policy_digest);
  v(3, e.schema_digest);
  v(4, e.config_digest);
  v(5, e.build_digest);
  v(6, e.region);
  v(7, e.gateway);
  v(8, e.slot);
  v(9, e.epoch_ms);
  v(10, e.development);
}

template <class V>
void VisitFields(V& v, auto& e) requires requires {
  e.quorums_met;
}
{
  v(1, e.id);
  v(2, e.jurisdictions);
  v(3, e.categories);
  v(4, e.quorums_met);
  v(5, e.break_glass);
}

template <class V>
void VisitFields(V& v, auto& e) requires requires {
  e.shown_reason;
}
{
  v(1, e.decision_id);
  v(2, e.nonce);
  v(3, e.method);
  v(4, e.direction);
  v(5, e.message);
  v(6, e.effect);
  v(7, e.existence);
  v(8, e.reason);
  v(9, e.shown_reason);
  v(10, e.rules);
  v(11, e.jurisdictions);
  v(12, e.kind);
  v(13, e.action);
  v(14, e.purpose);
  v(15, e.roles);
  v(16, e.workloads_opening);
  v(17, e.workloads_restricting);
  v(18, e.ticket_valid);
  v(19, e.ticket_assigned);
  v(20, e.covered_person);
  v(21, e.us_person);
  v(22, e.origins);
  v(23, e.categories);
  v(24, e.protected_person);
  v(25, e.minor);
  v(26, e.self);
  v(27, e.ticket_about);
  v(28, e.grants);
  v(29, e.shown);
  v(30, e.masked);
  v(31, e.cleared);
  v(32, e.legal);
  v(33, e.legal_class);
  v(34, e.company);
  v(35, e.alert);
  v(36, e.alert_rules);
  v(37, e.rules_left_out);
  v(38, e.alert_rules_left_out);
  v(39, e.grant);
  v(40, e.exception);
  v(41, e.strength);
  v(42, e.records);
  v(43, e.records_withheld);
  v(44, e.records_masked);
  v(45, e.fields_stripped);
  v(46, e.principal);
  v(47, e.subjects);
  v(48, e.subjects_total);
  v(49, e.ticket);
  v(50, e.forwarded_by);
  v(51, e.peer_decision_id);
  v(52, e.forwarded_to);
  v(53, e.pre_decided);
  v(54, e.ended_call);
}

template <class V>
void VisitFields(V& v, auto& e) requires requires {
  e.part;
}
{
  v(1, e.decision_id);
  v(2, e.nonce);
  v(3, e.part);
  v(4, e.subjects);
}

template <class V>
void VisitFields(V& v, auto& e) requires requires {
  e.grpc_status;
}
{
  v(1, e.decision_id);
  v(2, e.nonce);
  v(3, e.grpc_status);
  v(4, e.reason);
  v(5, e.forwarded);
  v(6, e.messages_forwarded);
  v(7, e.messages_released);
  v(8, e.homes_registered);
  v(9, e.records_stamped);
  v(10, e.status_digest);
  v(11, e.peer_decision_id);
}

template <class V>
void VisitFields(V& v, auto& e) requires requires {
  e.level;
}
{
  v(1, e.decision_id);
  v(2, e.level);
  v(3, e.cause);
  v(4, e.reason);
  v(5, e.rules);
  v(6, e.region);
  v(7, e.count);
}

template <class V>
void VisitFields(V& v, auto& e) requires requires {
  e.root;
}
{
  v(1, e.log);
  v(2, e.size);
  v(3, e.root);
}

template <class V>
void VisitFields(V& v, auto& e) requires requires {
  e.siblings;
}
{
  v(1, e.siblings);
  v(2, e.calls_not_judged);
  v(3, e.alerts_left_out);
}

template <class V>
void VisitFields(V& v, auto& e) requires requires {
  e.merged;
}
{
  v(1, e.exception);
  v(2, e.decision_id);
  v(3, e.nonce);
  v(4, e.state);
  v(5, e.origins);
  v(6, e.categories);
  v(7, e.purpose);
  v(8, e.method);
  v(9, e.quorums);
  v(10, e.jurisdictions);
  v(11, e.principal);
  v(12, e.merged);
  v(13, e.event);
  v(14, e.revision);
  v(15, e.actor);
  v(16, e.terms_digest);
  v(17, e.statement_digest);
  v(18, e.not_before_s);
  v(19, e.not_after_s);
  v(20, e.reads_max);
  v(21, e.subjects_max);
  v(22, e.subjects_named);
  v(23, e.break_glass);
}

template <class V>
void VisitFields(V& v, auto& e) requires requires {
  e.command;
}
{
  v(1, e.decision_id);
  v(2, e.nonce);
  v(3, e.command);
  v(4, e.jurisdictions);
  v(5, e.roles);
  v(6, e.principal);
  v(7, e.subject);
  v(8, e.from);
  v(9, e.to);
  v(10, e.homes_before);
  v(11, e.since_day);
  v(12, e.lines);
  v(13, e.file_digest);
}

}  // namespace domicile::audit::internal

#endif  // DOMICILE_GATEWAY_AUDIT_ENTRY_FIELDS_H_
