// demo.h — `domicile demo`: three regions on this machine, and the founding case against them.
//
// Starts real gateways and services on loopback with certificates, issuers and
// people made on the spot, makes the calls of the scenario file, prints one readable
// line for each, shows what the log kept, and stays up for calls by hand.
// Exit codes: 0 every call came out as the scenario file says; 1 one didn't, or
// something could not be started; 2 bad input.
// Thread-safety: called once.
#ifndef DOMICILE_GATEWAY_MAIN_DEMO_DEMO_H_
#define DOMICILE_GATEWAY_MAIN_DEMO_DEMO_H_

#include <string>
#include <vector>

namespace domicile::demo {

struct DemoFiles {
  std::string directory;  // "" for a new one below the temporary folder
  std::string legal, company, scenarios, descriptor_set, bindings;
  std::string service_program;
  std::vector<std::string> gateway_command;
};

int RunDemo(const DemoFiles& files, bool once);

}  // namespace domicile::demo

#endif  // DOMICILE_GATEWAY_MAIN_DEMO_DEMO_H_
