#include "gateway/cli/cli.h"

#include <CLI/CLI.hpp>
#include <memory>
#include <utility>

#include "gateway/cli/exception_verbs.h"
#include "gateway/cli/local.h"
#include "gateway/cli/output.h"
#include "gateway/cli/remote.h"

namespace domicile::cli {
namespace {

// The commands, each leaving what to run in `run`. Lives as long as the parse.
class Commands {
 public:
  explicit Commands(const Assembly& assembly) : assembly_(assembly) {}

  int Run(int argc, char** argv) {
    CLI::App app{"Domicile: a cross-region data-residency gateway for gRPC"};
    app.require_subcommand(1);
    app.set_help_all_flag("--help-all", "help of every command");
    AddGateway(app);
    AddConfig(app);
    AddSchema(app);
    AddPolicy(app);
    AddIdentity(app);
    AddKey(app);
    AddSubject(app);
    AddTag(app);
    AddLog(app);
    AddWhy(app);
    exceptions_.AddTo(app);
    AddDemo(app);
    AddVersion(app);
    try {
      app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
      // Help is an answer; everything else is a complaint.
      return app.exit(error) == 0 ? kDone : kBadInput;
    }
    return run_ ? run_() : kBadInput;
  }

 private:
  CLI::App* Verb(CLI::App* noun, const std::string& name, const std::string& what,
                 std::function<int()> run) {
    CLI::App* verb = noun->add_subcommand(name, what);
    verb->callback([this, run = std::move(run)] { run_ = run; });
    return verb;
  }
  CLI::App* Noun(CLI::App& app, const std::string& name, const std::string& what) {
    CLI::App* noun = app.add_subcommand(name, what);
    noun->require_subcommand(1);
    return noun;
  }
  void AddOutput(CLI::App* verb) {
    verb->add_option_function<std::string>(
            "--output", [this](const std::string& form) { output_.json = form == "json"; },
            "table (default) or json")
        ->check(CLI::IsMember({"table", "json"}));
  }

  void AddGateway(CLI::App& app) {
    CLI::App* verb = app.add_subcommand("gateway", "run a gateway until SIGTERM");
    verb->add_option("--config", config_, "its configuration file")->required();
    verb->callback([this] { run_ = [this] { return assembly_.serve(config_); }; });
  }

  void AddConfig(CLI::App& app) {
    CLI::App* noun = Noun(app, "config", "configurations of gateways");
    CLI::App* check =
        Verb(noun, "check", "read a configuration and all that it points to, and start nothing",
             [this] { return ConfigCheck(output_, assembly_, config_); });
    check->add_option("file", config_, "configuration file")->required();
    AddOutput(check);
  }

  void AddPolicyPlace(CLI::App* verb, PolicyPlace& place) {
    CLI::Option* config =
        verb->add_option("--config", place.config, "take the policy of this configuration");
    CLI::Option* legal = verb->add_option("--legal", place.legal, "directory of the legal layer");
    verb->add_option("--company", place.company, "directory of the company's layer");
    legal->excludes(config);
  }
  int WithPlace(const PolicyPlace& place, const std::function<int()>& run) {
    if (place.config.empty() && place.legal.empty()) {
      Output::Say("say where the policy is: --config FILE, or --legal and --company DIRECTORY");
      return kBadInput;
    }
    return run();
  }

  void AddSchema(CLI::App& app) {
    CLI::App* noun = Noun(app, "schema", "classified schemas of services");
    CLI::App* check = Verb(noun, "check", "list every method and field with its label", [this] {
      PolicyPlace place = schema_.policy;
      place.config = schema_.config;
      return WithPlace(place, [this] { return SchemaCheck(output_, schema_); });
    });
    check->add_option("--config", schema_.config, "take schemas and policy of this configuration");
    check->add_option("--descriptor-set", schema_.descriptor_sets, "files of protoc");
    check->add_option("--bindings", schema_.bindings, "bindings files");
    check->add_option("--legal", schema_.policy.legal, "directory of the legal layer");
    check->add_option("--company", schema_.policy.company, "directory of the company's layer");
    AddOutput(check);
  }

  void AddPolicy(CLI::App& app) {
    CLI::App* noun = Noun(app, "policy", "what may be shown to whom");
    CLI::App* lint = Verb(noun, "lint", "every problem of a policy, with its line", [this] {
      return WithPlace(place_, [this] { return PolicyLint(output_, assembly_, place_); });
    });
    AddPolicyPlace(lint, place_);
    AddOutput(lint);
    CLI::App* show = Verb(noun, "show", "the rules, in words", [this] {
      return WithPlace(place_, [this] { return PolicyShow(output_, place_, region_); });
    });
    AddPolicyPlace(show, place_);
    show->add_option("--region", region_, "rules of this region alone");
    AddOutput(show);
    CLI::App* explain = Verb(noun, "explain", "put one question to a policy", [this] {
      return WithPlace(place_, [this] { return PolicyExplain(output_, place_, question_); });
    });
    AddPolicyPlace(explain, place_);
    AddQuestion(explain);
    AddOutput(explain);
  }

  void AddQuestion(CLI::App* verb) {
    verb->add_option("--origin", question_.origins, "region of the record; may be repeated")
        ->required();
    verb->add_option("--from", question_.from, "COUNTRY or COUNTRY:VIA; may be repeated")
        ->required();
    verb->add_option("--kind", question_.kind, "staff, user, service or partner");
    verb->add_option("--role", question_.roles, "may be repeated");
    verb->add_option("--workload", question_.workloads, "SPIFFE ID");
    verb->add_option("--action", question_.action, "read, search, write, create, delete, ...");
    verb->add_option("--category", question_.categories, "of a field; may be repeated");
    verb->add_option("--purpose", question_.purpose, "declared why");
    verb->add_option("--ticket", question_.ticket, "valid, assigned or about_data_subject");
    verb->add_option("--covered-person", question_.covered_person, "true, false; else unknown");
    verb->add_option("--us-person", question_.us_person, "true, false; else unknown");
    verb->add_option("--protected", question_.protected_person, "true, false; else unknown");
    verb->add_option("--minor", question_.minor, "true, false; else unknown");
    verb->add_flag("--self", question_.self, "a user about themselves");
  }

  void AddIdentity(CLI::App& app) {
    CLI::App* noun = Noun(app, "identity", "who a caller is to a gateway");
    CLI::App* explain =
        Verb(noun, "explain", "each jurisdiction of a token with its basis, source and age",
             [this] { return IdentityExplain(output_, identity_); });
    explain->add_option("token", identity_.token, "the token, or - for standard input")->required();
    explain->add_option("--config", identity_.config, "configuration file")->required();
    explain->add_option("--workload", identity_.workload, "SPIFFE ID of the calling process");
    AddOutput(explain);
  }

  void AddKey(CLI::App& app) {
    CLI::App* noun = Noun(app, "key", "rings of the gateway's own keys");
    CLI::App* make = Verb(noun, "new", "make a ring with one key, or add a key to a ring",
                          [this] { return KeyNew(output_, key_); });
    make->add_option("--use", key_.use, "tag, reference, index, forward, log or protected")
        ->required();
    make->add_option("--region", key_.region, "of the gateway; none for index");
    make->add_option("--file", key_.file, "the ring")->required();
    make->add_option("--public", key_.public_file, "write the public keys here");
    make->add_flag("--add", key_.add, "add to the existing ring");
    AddOutput(make);
  }

  // Where the gateway is and who asks; each option also from the environment.
  void AddRemote(CLI::App* verb, bool with_purpose) {
    verb->add_option("--gateway", remote_.address, "HOST:PORT of its control listener")
        ->envname("DOMICILE_GATEWAY");
    verb->add_option("--certificate", remote_.certificate, "the caller's certificate, PEM")
        ->envname("DOMICILE_CERTIFICATE");
    verb->add_option("--key", remote_.key, "its key, PEM")->envname("DOMICILE_KEY");
    verb->add_option("--roots", remote_.roots, "roots of the gateway's certificate, PEM")
        ->envname("DOMICILE_ROOTS");
    verb->add_option("--token-file", remote_.token_file, "the caller's token; - is standard input")
        ->envname("DOMICILE_TOKEN_FILE");
    if (with_purpose) {
      verb->add_option("--purpose", remote_.purpose, "declared why; this is a decision");
      verb->add_option("--ticket", remote_.ticket, "if the purpose needs one");
    }
    AddOutput(verb);
  }

  void AddSubject(CLI::App& app) {
    CLI::App* noun = Noun(app, "subject", "where people are at home");
    CLI::App* import = Verb(noun, "import", "add dated homes from a CSV file",
                            [this] { return SubjectImport(output_, remote_, config_); });
    import->add_option("file", config_, "namespace,id,home,since,aliases")->required();
    AddRemote(import, false);
    CLI::App* set = Verb(noun, "set-home", "add a dated home to one person", [this] {
      return SubjectSetHome(output_, remote_, subject_, region_, since_);
    });
    set->add_option("subject", subject_, "NAMESPACE:ID")->required();
    set->add_option("region", region_, "their new home")->required();
    set->add_option("--since", since_, "date or time; now when left out");
    AddRemote(set, false);
    CLI::App* show = Verb(noun, "show", "a person's homes to date",
                          [this] { return SubjectShow(output_, remote_, subject_); });
    show->add_option("subject", subject_, "NAMESPACE:ID")->required();
    AddRemote(show, true);
  }

  void AddTag(CLI::App& app) {
    CLI::App* noun = Noun(app, "tag", "origin tags");
    CLI::App* show = Verb(noun, "show", "what a tag says, and whether it holds",
                          [this] { return TagShow(output_, remote_, tag_); });
    show->add_option("tag", tag_.tag, "base64")->required();
    show->add_option("--subject", tag_.subject, "NAMESPACE:ID that its record is about");
    show->add_option("--message", tag_.message_name, "full name of its record's message");
    show->add_option("--record-id", tag_.record_id, "its record's id, if it has one");
    AddRemote(show, true);
  }

  void AddLog(CLI::App& app) {
    CLI::App* noun = Noun(app, "log", "the audit log");
    CLI::App* tail = Verb(noun, "tail", "entries that a signed head covers, one JSON a line",
                          [this] { return LogTail(output_, remote_, range_); });
    tail->add_option("--from", range_.from, "first index");
    tail->add_option("--limit", range_.limit, "at most so many");
    tail->add_flag("--follow", range_.follow, "go on as entries come");
    AddRemote(tail, false);
  }

  void AddWhy(CLI::App& app) {
    CLI::App* verb = app.add_subcommand("why", "the recorded reason of one decision");
    verb->add_option("decision", subject_, "its id, as in domicile-decision-id")->required();
    verb->callback([this] { run_ = [this] { return Why(output_, remote_, subject_); }; });
    AddRemote(verb, true);
  }

  void AddDemo(CLI::App& app) {
    CLI::App* verb =
        app.add_subcommand("demo", "three regions on this machine, and the founding case");
    verb->add_flag("--once", demo_.once, "make the calls and exit: 0 if all came out as expected");
    verb->add_option("--directory", demo_.directory, "where its files go");
    verb->add_option("--legal", demo_.legal, "legal layer");
    verb->add_option("--company", demo_.company, "company's layer");
    verb->add_option("--scenarios", demo_.scenarios, "scenario file");
    verb->add_option("--descriptor-set", demo_.descriptor_set, "of the sample services");
    verb->add_option("--bindings", demo_.bindings, "of the sample services");
    verb->add_option("--service", demo_.service_program, "the sample services' program");
    verb->callback([this] { run_ = [this] { return assembly_.demo(demo_); }; });
  }

  void AddVersion(CLI::App& app) {
    CLI::App* verb = app.add_subcommand("version", "of this program, or of a running gateway");
    AddRemote(verb, false);
    verb->callback([this] {
      run_ = [this] {
        if (!remote_.address.empty()) return RemoteVersion(output_, remote_);
        output_.Show({{"program", "version"}, {{"domicile", assembly_.version}}});
        return kDone;
      };
    });
  }

  const Assembly& assembly_;
  Output output_;
  std::function<int()> run_;
  std::string config_, region_, subject_, since_;
  RemotePlace remote_;
  TagQuestion tag_;
  LogRange range_;
  SchemaPlace schema_;
  PolicyPlace place_;
  control::Question question_;
  IdentityQuestion identity_;
  NewKey key_;
  DemoOptions demo_;
  ExceptionVerbs exceptions_{output_, remote_, [this](CLI::App* verb) { AddRemote(verb, false); },
                             run_};
};

}  // namespace

int Run(int argc, char** argv, const Assembly& assembly) {
  return Commands(assembly).Run(argc, argv);
}

}  // namespace domicile::cli
