#!/usr/bin/env python3
"""Plants one breach of each law in a small clean tree and checks that this law finds it."""

import os
import shutil
import tempfile
import unittest

import tidy

GOOD_HEADER = """// {name} — an example.
//
// Pure, immutable.
// Source: design section 3. Errors: none.
#ifndef {guard}
#define {guard}
{body}
#endif  // {guard}
"""


def header(path, body=""):
    return GOOD_HEADER.format(name=os.path.basename(path), guard=tidy.guard_name(path), body=body)


def clean_tree():
    tree = {page: f"# {page}\n" for page in tidy.REQUIRED if page.endswith(".md")}
    tree["README.md"] += "".join(f"[{page}]({page})\n" for page in tree if page.startswith("docs/"))
    tree["CHANGELOG.md"] += "## Unreleased\n"
    tree["LICENSE"] = tree["dev"] = tree[".ci/run"] = "text\n"
    for room in ("base", "access", "policy", "origin", "proxy"):
        path = f"gateway/{room}/noun.h"
        tree[path] = header(path)
        tree[f"gateway/{room}/noun.cc"] = f'#include "{path}"\n'
        tree[f"gateway/{room}/CMakeLists.txt"] = f"domicile_library({room} SOURCES noun.cc)\n"
    tree["tests/policy/noun_test.cc"] = "TEST(Noun, Holds) {}\n"
    tree["tests/policy/CMakeLists.txt"] = "domicile_test(policy SOURCES noun_test.cc)\n"
    return tree


# law, file, its text. Texts are joined from parts where a law over all text would find them here.
PLANTS = [
    (tidy.rooms_are_known, "gateway/misc/noun.h", header("gateway/misc/noun.h")),
    (tidy.includes_go_down, "gateway/access/noun.cc", '#include "gateway/policy/noun.h"\n'),
    (tidy.includes_go_down, "gateway/policy/noun.cc", '#include "gateway/origin/noun.h"\n'),
    (tidy.includes_go_down, "gateway/policy/noun.cc", '#include "tests/policy/noun.h"\n'),
    (tidy.links_go_down, "gateway/policy/CMakeLists.txt",
     "domicile_library(policy SOURCES noun.cc PUBLIC domicile::proxy)\n"),
    (tidy.includes_have_no_cycle, "gateway/base/noun.h",
     header("gateway/base/noun.h", '#include "gateway/base/noun.h"')),
    (tidy.libraries_stay_hidden, "gateway/policy/noun.cc", "#include <openssl/evp.h>\n"),
    (tidy.libraries_stay_hidden, "gateway/proxy/noun.cc", "#include <grpcpp/grpcpp.h>\n"),
    (tidy.libraries_stay_hidden, "tests/policy/noun_test.cc", "#include <yaml-cpp/yaml.h>\n"),
    (tidy.quoted_includes_start_at_the_root, "gateway/policy/noun.cc", '#include "noun.h"\n'),
    (tidy.quoted_includes_start_at_the_root, "gateway/policy/noun.cc", '#include "gateway/policy/gone.h"\n'),
    (tidy.headers_have_guards, "gateway/policy/noun.h",
     header("gateway/policy/noun.h").replace("#ifndef DOMICILE_", "#ifndef ")),
    (tidy.headers_say_what_they_are, "gateway/policy/noun.h",
     header("gateway/policy/noun.h").replace("— an example.", "")),
    (tidy.headers_say_what_they_are, "gateway/policy/noun.h",
     header("gateway/policy/noun.h").replace("//\n// Pure, immutable.\n// Source: design section 3. Errors: none.\n", "")),
    (tidy.headers_name_errors_and_source, "gateway/policy/noun.h",
     header("gateway/policy/noun.h").replace(" Errors: none.", "")),
    (tidy.headers_name_errors_and_source, "gateway/policy/noun.h",
     header("gateway/policy/noun.h").replace("Source: design section 3. ", "")),
    (tidy.headers_open_no_namespace, "gateway/policy/noun.h",
     header("gateway/policy/noun.h", "using namespace absl;")),
    (tidy.cpp_avoids_banned, "gateway/policy/noun.cc", "std::string_view view;\n"),
    (tidy.cpp_avoids_banned, "gateway/policy/noun.cc", "void F() { throw 1; }\n"),
    (tidy.cpp_avoids_banned, "tests/policy/noun_test.cc", "std::this_thread::sleep_for(one);\n"),
    (tidy.sources_are_built, "gateway/policy/verb.cc", "int x;\n"),
    (tidy.files_fit_one_sitting, "gateway/policy/noun.cc", "int x;\n" * 900),
    (tidy.planted_bugs_still_fit, "tests/fuzz/planted/verb.patch",
     "--- a/gateway/policy/noun.cc\n+++ b/gateway/policy/noun.cc\n@@ -1 +1 @@\n-int gone;\n+int x;\n"),
    (tidy.words_are_ours, "gateway/policy/noun.cc", "// the rulebook of a region\n"),
    (tidy.nothing_is_left_for_later, "gateway/policy/noun.cc", "// TODO: later\n"),
    (tidy.nothing_names_a_machine, "gateway/policy/noun.cc", 'Open("/wo' 'rk/main/policy");\n'),
    (tidy.nothing_names_a_machine, "tests/policy/lock.json", '{"from": "https://registry.npm' 'js.org/x"}\n'),
    (tidy.pages_have_one_title, "docs/testing.md", "# One\n\n# Two\n"),
    (tidy.links_lead_somewhere, "docs/testing.md", "# Testing\n\n[gone](gone.md)\n"),
    (tidy.links_lead_somewhere, "docs/testing.md", "# Testing\n\n[gone](../README.md#gone)\n"),
    (tidy.named_tests_exist, "docs/threat-model.md", "# Threats\n\nHeld by `Noun.Falls`.\n"),
    (tidy.named_commands_exist, "docs/testing.md", "# Testing\n\nAsk `domicile policy guess`.\n"),
    (tidy.root_files_are_there, "CHANGELOG.md", "# Changes\n"),
    (tidy.pages_can_be_found, "docs/orphan.md", "# Orphan\n"),
]


class Laws(unittest.TestCase):
    def setUp(self):
        self.root = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.root)
        for path, text in clean_tree().items():
            self.write(path, text)

    def write(self, path, text):
        path = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def breaches(self, law):
        return list(law(tidy.Tree(self.root)))

    def test_a_clean_tree_breaks_no_law(self):
        for law in tidy.LAWS:
            self.assertEqual(self.breaches(law), [], law.__name__)

    def test_each_planted_breach_is_found_in_its_file(self):
        clean = clean_tree()
        for law, path, text in PLANTS:
            with self.subTest(law=law.__name__, path=path):
                self.write(path, text)
                self.assertIn(path, [breach.path for breach in self.breaches(law)])
                if path in clean:
                    self.write(path, clean[path])
                else:
                    os.remove(os.path.join(self.root, path))
                self.assertEqual(self.breaches(law), [])

    def test_each_law_has_a_plant(self):
        planted_elsewhere = {tidy.doors_hide_their_libraries}
        self.assertEqual({law for law, _, _ in PLANTS} | planted_elsewhere, set(tidy.LAWS))

    def test_a_cycle_through_several_headers_is_found(self):
        for here, there in (("a", "b"), ("b", "c"), ("c", "a")):
            path = f"gateway/base/{here}.h"
            self.write(path, header(path, f'#include "gateway/base/{there}.h"'))
        self.assertEqual(len(self.breaches(tidy.includes_have_no_cycle)), 1)

    def test_a_door_that_brings_a_library_at_any_remove_is_found(self):
        self.write("gateway/base/inner.h", header("gateway/base/inner.h", "#include <yaml-cpp/yaml.h>"))
        self.assertEqual(self.breaches(tidy.doors_hide_their_libraries), [])
        self.write("gateway/base/door.h", header("gateway/base/door.h", '#include "gateway/base/inner.h"'))
        self.write("gateway/policy/noun.cc", '#include "gateway/base/door.h"\n')
        self.assertEqual([b.path for b in self.breaches(tidy.doors_hide_their_libraries)], ["gateway/policy/noun.cc"])

    def test_code_blocks_are_no_prose(self):
        self.write("docs/testing.md", "# Testing\n\n```\n# not a title\n[x](gone.md)\n```\n")
        self.assertEqual(self.breaches(tidy.pages_have_one_title), [])
        self.assertEqual(self.breaches(tidy.links_lead_somewhere), [])


if __name__ == "__main__":
    unittest.main()
