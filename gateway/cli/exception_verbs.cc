#include "gateway/cli/exception_verbs.h"

#include <CLI/CLI.hpp>
#include <utility>

namespace domicile::cli {

CLI::App* ExceptionVerbs::Verb(CLI::App* noun, const std::string& name, const std::string& what,
                               std::function<int()> run) {
  CLI::App* verb = noun->add_subcommand(name, what);
  verb->callback([this, run = std::move(run)] { run_ = run; });
  return verb;
}

void ExceptionVerbs::AddExceptionId(CLI::App* verb, std::string& id) {
  verb->add_option("exception", id, "its id, as a denial shows it (exception_id)")->required();
}

void ExceptionVerbs::AddTo(CLI::App& app) {
  CLI::App* noun = app.add_subcommand("exception", "ask for what a rule escalates; sign; revoke");
  noun->require_subcommand(1);
  AddRequester(noun);
  AddLooking(noun);
  AddSigning(noun);
  AddOfficer(app);
}

void ExceptionVerbs::AddSubmitOptions(CLI::App* verb) {
  AddExceptionId(verb, submit_.exception);
  verb->add_option("--reason", submit_.reason, "why, for the officers; name nobody")->required();
  verb->add_option("--window", submit_.window, "for how long, such as 4h")->required();
  verb->add_option("--reads", submit_.reads, "records at most")->required();
  verb->add_option("--subject", submit_.subjects, "NAMESPACE:ID; may be repeated");
  verb->add_option("--people", submit_.people, "how many at most, where they are not named");
  verb->add_option("--basis", submit_.legal_basis, "legal basis: one of the policy's sources");
  verb->add_option("--licence", submit_.licence, "of an authority, where one is needed");
  verb->add_option("--from", submit_.not_before, "RFC 3339; now when left out");
  verb->add_option("--category", submit_.categories, "fewer than the draft's; may be repeated");
  add_remote_(verb);
}

void ExceptionVerbs::AddRequester(CLI::App* noun) {
  CLI::App* draft = Verb(noun, "draft", "open a draft where the people are at home",
                         [this] { return ExceptionDraft(output_, place_, draft_); });
  draft->add_option("--method", draft_.methods, "/package.Service/Method; may be repeated");
  draft->add_option("--action", draft_.actions, "read, search, ...; may be repeated");
  draft->add_option("--category", draft_.categories, "may be repeated");
  draft->add_option("--for-purpose", draft_.purpose, "that the calls will declare");
  draft->add_option("--for-ticket", draft_.ticket, "that the calls will name");
  CLI::Option* like =
      draft->add_option("--like", draft_.like, "as the draft that an escalated call opened");
  like->needs(
      draft->add_option("--called", draft_.like_gateway,
                        "HOST:PORT of the control listener of the gateway that was called"));
  add_remote_(draft);
  AddSubmitOptions(Verb(noun, "submit", "fix the terms and ask for signatures",
                        [this] { return ExceptionSubmit(output_, place_, submit_); }));
  AddSubmitOptions(
      Verb(noun, "break-glass", "open it now, and have it signed within 24 hours", [this] {
        submit_.break_glass = true;
        return ExceptionSubmit(output_, place_, submit_);
      }));
  CLI::App* withdraw = Verb(noun, "withdraw", "end your own, at once",
                            [this] { return ExceptionWithdraw(output_, place_, exception_); });
  AddExceptionId(withdraw, exception_);
  add_remote_(withdraw);
}

void ExceptionVerbs::AddLooking(CLI::App* noun) {
  CLI::App* list = Verb(noun, "list", "your own, and those that you may sign",
                        [this] { return ExceptionList(output_, place_, states_, all_); });
  list->add_option("--state", states_, "in this state alone; may be repeated");
  list->add_flag("--all", all_, "also what is over");
  add_remote_(list);
  CLI::App* show = Verb(noun, "show", "terms, facts, rules, signatures, and whether you may sign",
                        [this] { return ExceptionShow(output_, place_, exception_); });
  AddExceptionId(show, exception_);
  add_remote_(show);
  CLI::App* watch = Verb(noun, "watch", "each change as it comes; with an id, until it is decided",
                         [this] { return ExceptionWatch(output_, place_, exception_, position_); });
  watch->add_option("exception", exception_, "this one alone");
  watch->add_option("--position", position_, "where an earlier watch ended");
  add_remote_(watch);
  CLI::App* reads = Verb(noun, "reads", "what was let through under it, from the log",
                         [this] { return ExceptionReads(output_, place_, exception_); });
  AddExceptionId(reads, exception_);
  add_remote_(reads);
}

void ExceptionVerbs::AddSigning(CLI::App* noun) {
  const std::pair<const char*, const char*> verbs[] = {
      {"approve", "sign exactly these terms"},
      {"deny", "sign that it is denied: one denial is enough"},
      {"narrow", "sign narrower terms; signatures so far are void"},
      {"revoke", "end it now, in open streams, too"},
      {"review", "sign off what was done under it"},
  };
  for (const auto& [name, what] : verbs) {
    CLI::App* verb = Verb(noun, name, what, [this, name = std::string(name)] {
      sign_.verb = name;
      return ExceptionSign(output_, place_, sign_);
    });
    AddExceptionId(verb, sign_.exception);
    verb->add_option("--reason", sign_.reason, "in words; needed to deny, revoke and review");
    verb->add_option("--officer-key", sign_.officer_key, "your key, PEM under a passphrase")
        ->required()
        ->envname("DOMICILE_OFFICER_KEY");
    verb->add_option("--passphrase-file", sign_.passphrase_file, "- asks on the terminal")
        ->default_val("-");
    verb->add_flag("--yes", sign_.yes, "sign without being asked; what is signed is still shown");
    if (std::string(name) == "narrow") {
      verb->add_option("--category", sign_.categories, "these alone; may be repeated");
      verb->add_option("--window", sign_.window, "for how long, such as 30m");
      verb->add_option("--reads", sign_.reads, "records at most");
      verb->add_option("--people", sign_.people, "at most");
    }
    add_remote_(verb);
  }
}

void ExceptionVerbs::AddOfficer(CLI::App& app) {
  CLI::App* noun = app.add_subcommand("officer", "who may sign for a region");
  noun->require_subcommand(1);
  CLI::App* key = Verb(noun, "key", "make your key on this machine, and print its public line",
                       [this] { return OfficerKeyNew(officer_); });
  key->add_option("file", officer_.file, "where the key goes")->required();
  key->add_option("--issuer", officer_.issuer, "of your token")->required();
  key->add_option("--subject", officer_.subject, "of your token")->required();
  key->add_option("--passphrase-file", officer_.passphrase_file, "- asks on the terminal")
      ->default_val("-");
  CLI::Option* head =
      key->add_flag("--head", officer_.head, "print the first lines of an officers file, too");
  head->needs(key->add_option("--region", officer_.region, "whose officers file it is"));
  CLI::App* list = Verb(noun, "list", "keys that may sign for this gateway's region",
                        [this] { return OfficerList(output_, place_); });
  add_remote_(list);
}

}  // namespace domicile::cli
