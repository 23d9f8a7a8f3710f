// The gateway's configuration: a text gives a whole configuration or problems, never both.

#include <cstdint>

#include "absl/strings/string_view.h"
#include "gateway/control/gateway_config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  const domicile::control::ConfigResult result =
      domicile::control::ParseGatewayConfig(text, "fuzz.yaml");
  if (result.config.has_value() != result.issues.ok()) __builtin_trap();
  if (!result.config.has_value()) return 0;
  // Only a development gateway may run without a signed policy, and only on loopback.
  if (result.config->dev && !domicile::control::IsLoopback(result.config->data.host)) {
    __builtin_trap();
  }
  result.config->UpstreamOf("acme.profiles.v1.Profiles");
  result.config->data.Address();
  if (domicile::control::LoadGatewayConfig("no such file").config.has_value()) __builtin_trap();
  return 0;
}
