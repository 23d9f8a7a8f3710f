#include "gateway/main/demo/hands_on.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/substitute.h"
#include "gateway/base/file.h"
#include "gateway/base/status_macros.h"
#include "gateway/main/demo/scenario_people.h"

namespace domicile::demo {
namespace {

constexpr char kOfficerRegion[] = "us";

// Stubs as protoc makes them; the gateway is a channel like any other.
constexpr char kPython[] = R"(import pathlib
import sys

import grpc

here = pathlib.Path(__file__).parent
sys.path.insert(0, str(here))  # the stubs that protoc made
from acme.profiles.v1 import profiles_pb2, profiles_pb2_grpc

channel = grpc.secure_channel("ADDRESS", grpc.ssl_channel_credentials(
    (here / "roots.pem").read_bytes(), (here / "client.key").read_bytes(),
    (here / "client.pem").read_bytes()))
profiles = profiles_pb2_grpc.ProfilesStub(channel)
who = sys.argv[1] if len(sys.argv) > 1 else "PERSON"
try:
    answer, call = profiles.Get.with_call(profiles_pb2.GetRequest(user_id=who), metadata=[
        ("authorization", "Bearer " + (here / "token").read_text()),
        ("domicile-purpose", "PURPOSE"), ("domicile-ticket", "TICKET")])
    print(answer)
    metadata = list(call.initial_metadata()) + list(call.trailing_metadata())
except grpc.RpcError as denied:
    print(denied.code().name, denied.details())
    metadata = list(denied.initial_metadata()) + list(denied.trailing_metadata())
for key, value in metadata:
    if key.startswith("domicile-"):
        print(key, value)
)";

constexpr char kNode[] = R"(const fs = require('fs'), path = require('path');
const grpc = require('@grpc/grpc-js'), loader = require('@grpc/proto-loader');

const read = name => fs.readFileSync(path.join(__dirname, name));
const {acme} = grpc.loadPackageDefinition(loader.loadSync('acme/profiles/v1/profiles.proto',
    {includeDirs: ['tests/sample/proto', 'proto']}));
const profiles = new acme.profiles.v1.Profiles('ADDRESS', grpc.credentials.createSsl(
    read('roots.pem'), read('client.key'), read('client.pem')));
const metadata = new grpc.Metadata();
metadata.set('authorization', 'Bearer ' + read('token'));
metadata.set('domicile-purpose', 'PURPOSE');
metadata.set('domicile-ticket', 'TICKET');
const show = seen => Object.entries(seen.getMap())
    .filter(([key]) => key.startsWith('domicile-')).forEach(pair => console.log(...pair));
const call = profiles.Get({user_id: process.argv[2] || 'PERSON'}, metadata, (denied, answer) => {
  if (denied) { console.log(denied.message); show(denied.metadata); } else console.log(answer);
  profiles.close();
});
call.on('metadata', show);
)";

std::string Filled(const char* program, const World& world, const Scenario& scenario) {
  return absl::StrReplaceAll(program, {{"ADDRESS", world.gateway_address(scenario.call.gateway)},
                                       {"PERSON", scenario.call.data_subject},
                                       {"PURPOSE", scenario.call.purpose},
                                       {"TICKET", TicketId(scenario)}});
}

}  // namespace

absl::Status WriteToken(const std::string& token, const std::string& folder,
                        const std::string& name) {
  return base::WriteFileAtomically(absl::StrCat(folder, "/", name), token, base::FileMode::kSecret);
}

absl::Status WriteHandsOn(const World& world, const Scenario& scenario, const std::string& folder) {
  const std::string& spiffe = scenario.call.workload;
  DOMICILE_ASSIGN_OR_RETURN(const Credentials own,
                            world.CredentialsFor(RegionOfSpiffe(spiffe), spiffe));
  auto write = [&](const char* name, const std::string& text) {
    return base::WriteFileAtomically(absl::StrCat(folder, "/", name), text,
                                     base::FileMode::kSecret);
  };
  DOMICILE_RETURN_IF_ERROR(write("roots.pem", own.roots));
  DOMICILE_RETURN_IF_ERROR(write("client.pem", own.certificate_chain));
  DOMICILE_RETURN_IF_ERROR(write("client.key", own.private_key));
  DOMICILE_RETURN_IF_ERROR(write("try.py", Filled(kPython, world, scenario)));
  return write("try.cjs", Filled(kNode, world, scenario));
}

std::string HandsOnText(const Scenario& scenario, const std::string& folder) {
  return absl::Substitute(
      R"(
The regions stay up until Ctrl-C; tokens are renewed every five minutes. Make the call of [$0]
yourself, in the folder of Domicile's sources, with a client that knows nothing of Domicile:

Python (Debian: python3-grpcio python3-protobuf protobuf-compiler-grpc)
  protoc -Iproto -Itests/sample/proto --python_out=$1 --grpc_python_out=$1 \
    --plugin=protoc-gen-grpc_python=/usr/bin/grpc_python_plugin \
    domicile/v1/annotations.proto acme/profiles/v1/profiles.proto
  /usr/bin/python3 $1/try.py

Node (Debian: nodejs npm)
  npm install --silent --prefix $1 @grpc/grpc-js @grpc/proto-loader
  node $1/try.cjs

Both take the id of another person: $2 is answered. u-us-00001 has no ticket,
u-us-journalist is protected, u-eu-customer is at home elsewhere, u-nobody is not there at all;
the answer to all four is the same.

As an officer, with the decision's id that either program printed, on the gateway of $3:
  . $1/officer.env
  build/dev/gateway/main/domicile why DECISION --purpose debug
  build/dev/gateway/main/domicile log tail --limit 5
)",
      scenario.id, folder, scenario.call.data_subject, scenario.call.gateway);
}

absl::Status WriteOfficer(const World& world, const std::string& folder) {
  std::string text;
  for (const auto& [name, value] : std::vector<std::pair<std::string, std::string>>{
           {"GATEWAY", world.control_address(kOfficerRegion)},
           {"CERTIFICATE", folder + "/client.pem"},
           {"KEY", folder + "/client.key"},
           {"ROOTS", folder + "/roots.pem"},
           {"TOKEN_FILE", folder + "/officer.token"}}) {
    absl::StrAppend(&text, "export DOMICILE_", name, "='", value, "'\n");
  }
  return base::WriteFileAtomically(folder + "/officer.env", text, base::FileMode::kSecret);
}

StaffMember Officer() {
  StaffMember officer;
  officer.id = "s-us-officer";
  officer.issuer_region = kOfficerRegion;
  officer.employer = "acme-us";
  officer.residence = CountryOf(kOfficerRegion);
  officer.roles = {"compliance_officer", "engineer"};
  return officer;
}

}  // namespace domicile::demo
