#include "gateway/main/demo/world_officers.h"

#include <algorithm>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gateway/base/bytes.h"
#include "gateway/base/file.h"
#include "gateway/base/status_macros.h"
#include "gateway/control/officers_file.h"
#include "gateway/crypto/digest.h"
#include "gateway/crypto/secret.h"
#include "gateway/crypto/signature.h"

namespace domicile::demo {
namespace {

constexpr size_t kPassphraseRandomBytes = 16;

bool IsOfficer(const WorldOptions& options, const StaffMember& member, const std::string& region) {
  return member.issuer_region == region &&
         std::find(options.officers.begin(), options.officers.end(), member.id) !=
             options.officers.end();
}

}  // namespace

absl::Status MakeOfficers(const WorldOptions& options, const std::string& region,
                          const std::string& issuer_url) {
  if (options.officers.empty()) return absl::OkStatus();
  const std::string folder = absl::StrCat(options.directory, "/officers");
  std::filesystem::create_directories(folder);
  std::string text = control::OfficersHead(region);
  for (const StaffMember& member : options.staff) {
    if (!IsOfficer(options, member, region)) continue;
    DOMICILE_ASSIGN_OR_RETURN(const crypto::SigningKey key,
                              crypto::SigningKey::Generate(crypto::SignatureAlgorithm::kEdDsa));
    const std::string passphrase = base::HexEncode(crypto::RandomBytes(kPassphraseRandomBytes));
    DOMICILE_ASSIGN_OR_RETURN(const std::string pem,
                              key.ToEncryptedPem(crypto::Secret(passphrase)));
    const std::string file = absl::StrCat(folder, "/", member.id);
    DOMICILE_RETURN_IF_ERROR(
        base::WriteFileAtomically(file + ".pem", pem, base::FileMode::kSecret));
    DOMICILE_RETURN_IF_ERROR(
        base::WriteFileAtomically(file + ".passphrase", passphrase, base::FileMode::kSecret));
    exceptions::OfficerKey officer;
    officer.public_key = key.public_key();
    officer.key_id = exceptions::OfficerKeyId(officer.public_key);
    officer.issuer = issuer_url;
    officer.subject = member.id;
    officer.from = absl::FromUnixSeconds(absl::ToUnixSeconds(absl::Now()) - 3600);
    text += control::OfficerLine(officer);
  }
  return base::WriteFileAtomically(absl::StrCat(options.directory, "/", region, "/officers"), text,
                                   base::FileMode::kPublic);
}

}  // namespace domicile::demo
