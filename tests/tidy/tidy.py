#!/usr/bin/env python3
"""The repository's laws, as code. Exit 0: all hold; 1: each breach on a line of its own.

    tests/tidy/tidy.py [ROOT]

A law is a function over a Tree that yields breaches. Each one names the file, the
line, what is wrong and what to do instead. tidy_test.py plants a breach of every
law and checks that it is found, so that no law can pass by looking at nothing.
"""

import os
import re
import sys
from collections import namedtuple

Breach = namedtuple("Breach", "path line message")

# Floors of gateway/: a room may include rooms of lower floors, never of its own.
# docs/adr/0002-floors.md says why.
FLOORS = {
    "base": 0, "crypto": 0,
    "access": 1,
    "policy": 2, "identity": 2, "origin": 2, "exceptions": 2, "audit": 2,
    "wire": 3, "enforce": 3, "control": 3,
    "store": 4, "proxy": 4, "services": 4,
    "cli": 5, "main": 5,
}
# The two steps inside a floor: crypto stands on base, and main joins everything to a program.
SAME_FLOOR = {("crypto", "base"), ("main", "cli")}

# Libraries that one room hides from all others: pattern of the include, rooms, what to use.
HIDDEN = [
    (r"[<\"]openssl/", {"crypto"}, "use gateway/crypto"),
    (r"[<\"]yaml-cpp/", {"base"}, "use gateway/base/yaml.h"),
    (r"[<\"]sqlite3\.h", {"store"}, "use the ports of gateway/store"),
    (r"[<\"]nghttp2/", {"proxy"}, "HTTP/2 is the proxy's alone"),
    (r"[<\"]grpc(pp)?/", {"services", "cli", "main"}, "the data plane links no gRPC"),
    (r"[<\"]google/protobuf/", {"wire", "services", "cli", "main"}, "use gateway/wire"),
    (r"[<\"](?!google/protobuf/).*\.pb\.h[>\"]", {"services", "cli", "main"}, "the data plane links no generated code"),
    (r"[<\"]CLI/", {"cli", "main"}, "commands are gateway/cli's"),
    (r"[<\"]zlib\.h", {"wire", "store"}, "use gateway/wire/gzip.h"),
]
# Tests may speak to these directly; the rest they reach through the rooms.
TESTS_MAY = re.compile(r"[<\"](grpc(pp)?/|google/protobuf/|nghttp2/|openssl/|sqlite3\.h|zlib\.h|.*\.pb\.h)")

# Words that have one right form here (docs/glossary.md). Pattern, what to write.
WORDS = [
    (r"\b(rulebook|rule book)s?\b", "policy"),
    (r"\bviewpoints?\b", "access jurisdiction"),
    (r"\bhouse (rule|policy|layer|verdict)s?\b", "company"),
    (r"\b(whitelist|blacklist)(s|ed)?\b", "allow list, deny list"),
    (r"\bkRelease\b", "kAllow"),
    (r"\bkRefuse\b", "kDeny"),
]

# C++ that both compilers of Debian 12 or this repository's rules don't take.
CPP_BANNED = [
    (r"#include <(format|source_location|regex)>", "absl::StrFormat, a macro, or a hand-written match"),
    (r"\bstd::string_view\b", "absl::string_view, which is another type in Debian 12"),
    (r"\bstd::(format|source_location|expected|views)\b", "not in gcc 12 or clang 14"),
    (r"\b(strcpy|strcat|sprintf|gets|strtok|rand)\(", "absl strings and numbers"),
]
# A poll is the last resort; the comment on its line says why nothing wakes it.
SLEEPS = r"\b(sleep_for|sleep_until|usleep|nanosleep|SleepFor)\("

TEXT_ENDINGS = (".md", ".h", ".cc", ".py", ".js", ".mjs", ".ts", ".json", ".yaml", ".yml", ".proto", ".txt",
                ".cmake", ".sh", ".csv", ".jsonl", ".toml", ".cfg", ".patch")
SKIPPED_FOLDERS = {".git", "build", "node_modules", "__pycache__"}
# The laws quote what they forbid.
LAW_FILES = {"tests/tidy/tidy.py", "tests/tidy/tidy_test.py"}
# Generated seeds and vectors are data, not prose.
DATA_FOLDERS = ("tests/fuzz/corpus/",)

FILE_LINES_MAX = 850


class Tree:
    """The text files under a root, by path relative to it."""

    def __init__(self, root):
        self.root = root
        self.files = {}
        for folder, folders, names in os.walk(root):
            folders[:] = sorted(f for f in folders if f not in SKIPPED_FOLDERS and not f.startswith("build-"))
            for name in sorted(names):
                path = os.path.relpath(os.path.join(folder, name), root)
                if name == ".git" or path.startswith(DATA_FOLDERS) or not is_text(path):  # a worktree has a file
                    continue
                try:
                    with open(os.path.join(root, path), encoding="utf-8") as file:
                        self.files[path] = file.read().split("\n")
                except (UnicodeDecodeError, OSError):
                    continue

    def ending(self, *endings):
        return {p: lines for p, lines in self.files.items() if p.endswith(endings)}

    def exists(self, path):
        return os.path.exists(os.path.join(self.root, path))


def is_text(path):
    name = os.path.basename(path)
    return path.endswith(TEXT_ENDINGS) or "." not in name.lstrip(".") or name in (".clang-format", ".clang-tidy")


def includes(lines):
    for number, line in enumerate(lines, 1):
        match = re.match(r'\s*#\s*include\s*([<"][^>"]+[>"])', line)
        if match:
            yield number, match.group(1)


def room_of(path):
    parts = path.split("/")
    return parts[1] if len(parts) > 2 and parts[0] == "gateway" else None


def may_use(user, used):
    return user == used or (user, used) in SAME_FLOOR or FLOORS[used] < FLOORS[user]


# --- Laws of the C++ tree -------------------------------------------------------------------------


def rooms_are_known(tree):
    for path in tree.files:
        room = room_of(path)
        if room is not None and room not in FLOORS:
            yield Breach(path, 1, f"room {room} stands on no floor: add it to FLOORS and to docs/adr/0002-floors.md")


def includes_go_down(tree):
    for path, lines in tree.ending(".h", ".cc").items():
        room = room_of(path)
        for number, name in includes(lines):
            target = room_of(name.strip('<>"'))
            if target is None or target not in FLOORS or room not in FLOORS:
                if room is not None and name.startswith('"tests/'):
                    yield Breach(path, number, "the product never includes tests/")
                continue
            if not may_use(room, target):
                yield Breach(path, number, f"{room} (floor {FLOORS[room]}) includes {target} (floor {FLOORS[target]}): "
                                           "meet in access/, or be joined one floor up")


def links_go_down(tree):
    for path, lines in tree.ending("CMakeLists.txt").items():
        room = room_of(path)
        if room not in FLOORS:
            continue
        for number, line in enumerate(lines, 1):
            for target in re.findall(r"\bdomicile::(\w+)", line.split("#")[0]):
                if target in FLOORS and not may_use(room, target):
                    yield Breach(path, number, f"{room} links {target}, which stands no lower")


def includes_have_no_cycle(tree):
    graph = {path: [(n, name.strip('"')) for n, name in includes(lines) if name.startswith('"')]
             for path, lines in tree.ending(".h").items()}
    state = {}

    def visit(path, trail):
        state[path] = "open"
        for number, target in graph.get(path, []):
            if state.get(target) == "open":
                yield Breach(path, number, f"include cycle: {' -> '.join(trail[trail.index(target):] + [target])}")
            elif target in graph and target not in state:
                yield from visit(target, trail + [target])
        state[path] = "done"

    for path in graph:
        if path not in state:
            yield from visit(path, [path])


def libraries_stay_hidden(tree):
    for path, lines in tree.ending(".h", ".cc").items():
        room = room_of(path)
        for number, name in includes(lines):
            for pattern, rooms, instead in HIDDEN:
                if not re.search(pattern, name):
                    continue
                if room is None:
                    if not TESTS_MAY.match(name):
                        yield Breach(path, number, f"{name} belongs to {', '.join(sorted(rooms))}: {instead}")
                elif room not in rooms:
                    yield Breach(path, number, f"{name} belongs to {', '.join(sorted(rooms))}: {instead}")


def doors_hide_their_libraries(tree):
    """A header that another room includes brings no hidden library along, at any remove."""
    brings = {}

    def library(path):
        if path not in brings:
            brings[path] = None
            for _, name in includes(tree.files.get(path, [])):
                if any(re.search(pattern, name) for pattern, _, _ in HIDDEN):
                    brings[path] = name
                elif name.startswith('"gateway/'):
                    brings[path] = brings[path] or library(name.strip('"'))
        return brings[path]

    for path, lines in tree.ending(".h", ".cc").items():
        for number, name in includes(lines):
            target = name.strip('<>"')
            if room_of(path) and room_of(target) not in (None, room_of(path)) and library(target):
                yield Breach(path, number, f"{target} brings {library(target)} along: keep that in its room")


def quoted_includes_start_at_the_root(tree):
    for path, lines in tree.ending(".h", ".cc").items():
        for number, name in includes(lines):
            inner = name.strip('"')
            ours = inner.startswith(("gateway/", "tests/", "proto/")) and not inner.endswith(".pb.h")
            if name.startswith('"') and ("/" not in inner and ".pb.h" not in inner or inner.startswith(".") or ours and not tree.exists(inner)):
                yield Breach(path, number, f"{name} is no file of this repository: include from its root")


def guard_name(path):
    return "DOMICILE_" + re.sub(r"[^A-Za-z0-9]", "_", path).upper() + "_"


def headers_have_guards(tree):
    for path, lines in tree.ending(".h").items():
        guard = guard_name(path)
        text = "\n".join(lines)
        if f"#ifndef {guard}\n#define {guard}\n" not in text:
            yield Breach(path, 1, f"header guard must be {guard}")


def headers_say_what_they_are(tree):
    for path, lines in tree.ending(".h").items():
        name = os.path.basename(path)
        opening = 0
        while opening < len(lines) and lines[opening].startswith("//"):
            opening += 1
        if not re.match(rf"// {re.escape(name)} — \S", lines[0]):
            yield Breach(path, 1, f'first line must be "// {name} — what it is for"')
        elif path.startswith("gateway/") and opening < 3:
            yield Breach(path, 1, "the opening comment says what it is for, its errors, units, limits and source")


# Rooms whose headers do not all say it yet; a room leaves this list and never enters it.
NOT_YET_SAID = ("gateway/enforce/", "gateway/proxy/", "gateway/main/demo/")


def headers_name_errors_and_source(tree):
    """What may go wrong, and the law, page or measurement that a header's claims come from."""
    for path, lines in tree.ending(".h").items():
        if not path.startswith("gateway/") or path.startswith(NOT_YET_SAID):
            continue
        opening = []
        for line in lines:
            if not line.startswith("//"):
                break
            opening.append(line)
        text = "\n".join(opening)
        if not re.search(r"\b[Ee]rrors?\b|[Nn]ever fails|cannot fail", text):
            yield Breach(path, 1, 'the opening comment names the errors: "Errors: none." if there are none')
        if not re.search(r"Source|[Dd]esign|policy-semantics|docs/|ADR \d|RFC \d|(Internal|Private) to|For [a-z_]+\.cc", text):
            yield Breach(path, 1, 'the opening comment names its source: "Source: design 6.1", a law, a page, a measurement')


def headers_open_no_namespace(tree):
    for path, lines in tree.ending(".h").items():
        for number, line in enumerate(lines, 1):
            if re.match(r"\s*using namespace\b", line):
                yield Breach(path, number, "using namespace in a header reaches whoever includes it")


def cpp_avoids_banned(tree):
    for path, lines in tree.ending(".h", ".cc").items():
        for number, line in enumerate(lines, 1):
            code = line.split("//")[0]
            for pattern, instead in CPP_BANNED:
                if re.search(pattern, code):
                    yield Breach(path, number, f"banned: {instead}")
            if re.search(SLEEPS, code) and "//" not in line + (lines[number - 2] if number > 1 else ""):
                yield Breach(path, number, "wait for an event, or say on this line why there is none")
            if path.startswith("gateway/") and re.search(r"\bthrow\b", code) and '"' not in code:
                yield Breach(path, number, "no exceptions of ours: return absl::Status")


def sources_are_built(tree):
    for path in tree.ending(".cc"):
        folder = os.path.dirname(path)
        name = os.path.basename(path)
        while folder:
            lines = tree.files.get(f"{folder}/CMakeLists.txt")
            if lines is not None:
                relative = os.path.relpath(path, folder)
                if not re.search(rf"(?<![\w/]){re.escape(relative)}\b", "\n".join(lines)):
                    yield Breach(path, 1, f"{folder}/CMakeLists.txt does not build {name}: list it or delete it")
                break
            folder = os.path.dirname(folder)


def files_fit_one_sitting(tree):
    for path, lines in tree.ending(".h", ".cc").items():
        if len(lines) > FILE_LINES_MAX:
            yield Breach(path, FILE_LINES_MAX, f"{len(lines)} lines: at most {FILE_LINES_MAX}; make it two files")


def planted_bugs_still_fit(tree):
    """A bug that no longer applies proves nothing, and would be noticed only when somebody fuzzes."""
    for path, lines in tree.ending(".patch").items():
        text, old, at = None, [], 1
        for number, line in enumerate(lines + ["@@"], 1):
            if line.startswith("--- a/"):
                text = "\n".join(tree.files.get(line[6:], []))
            elif line.startswith("@@"):
                if old and (text is None or "\n".join(old) not in text):
                    yield Breach(path, at, "the source has moved on: plant the bug anew")
                old, at = [], number
            elif line[:1] in (" ", "-") and not line.startswith("--- "):
                old.append(line[1:])


# --- Laws of all text -----------------------------------------------------------------------------


def words_are_ours(tree):
    for path, lines in tree.files.items():
        if path in LAW_FILES or path == "docs/glossary.md":
            continue
        for number, line in enumerate(lines, 1):
            for pattern, instead in WORDS:
                if re.search(pattern, line, re.IGNORECASE if pattern[2] != "k" else 0):
                    yield Breach(path, number, f"another word is ours: {instead}")


def nothing_is_left_for_later(tree):
    for path, lines in tree.files.items():
        if path in LAW_FILES or path == "LICENSE":
            continue
        for number, line in enumerate(lines, 1):
            if re.search(r"\b(FIXME|XXX|HACK)\b", line):
                yield Breach(path, number, "mend it, or say TODO(why it can wait): what")
            elif re.search(r"\bTODO\b", line) and not re.search(r"\bTODO\([^)]{3,}\): \S", line):
                yield Breach(path, number, "TODO needs its reason: TODO(why it can wait): what")


# Folders that exist on one machine only, and hosts that serve packages. Spelled in parts, so
# that this file doesn't hold what it forbids.
MACHINE_PATH = re.compile(r"(?<![\w.*])/(work|home|root|Users)/\w")
PACKAGE_HOSTS = re.compile(r"\b(" + "|".join((
    r"registry\.npm" + r"js\.org", r"py" + r"pi\.org", r"files\.python" + r"hosted\.org",
    r"deb\.deb" + r"ian\.org", r"index\.cra" + r"tes\.io", r"proxy\.gol" + r"ang\.org")) + r")\b")


def nothing_names_a_machine(tree):
    for path, lines in tree.files.items():
        for number, line in enumerate(lines, 1):
            if MACHINE_PATH.search(line):
                yield Breach(path, number, "a path of one machine: make it relative, or take it from the environment")
            if PACKAGE_HOSTS.search(line):
                yield Breach(path, number, "a package host: let the package manager's configuration name it")


# --- Laws of the documents ------------------------------------------------------------------------


def outside_code(lines):
    fenced = False
    for number, line in enumerate(lines, 1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif not fenced:
            yield number, line


def pages_have_one_title(tree):
    for path, lines in tree.ending(".md").items():
        titles = [n for n, line in outside_code(lines) if line.startswith("# ")]
        if len(titles) != 1:
            yield Breach(path, titles[1] if titles else 1, f"{len(titles)} titles: a page has one")


def anchor(title):
    text = re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", title.strip().lower())
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


def links_lead_somewhere(tree):
    for path, lines in tree.ending(".md").items():
        for number, line in outside_code(lines):
            for target in re.findall(r"\]\(([^)\s]+)\)", line):
                if re.match(r"[a-z]+:", target):
                    continue
                file, _, fragment = target.partition("#")
                page = os.path.normpath(os.path.join(os.path.dirname(path), file)) if file else path
                if not tree.exists(page):
                    yield Breach(path, number, f"link to {target}: no such file")
                elif fragment and page in tree.files and page.endswith(".md"):
                    anchors = {anchor(t.lstrip("#")) for _, t in outside_code(tree.files[page]) if t.startswith("#")}
                    if fragment not in anchors:
                        yield Breach(path, number, f"link to {target}: no such heading")


def named_tests_exist(tree):
    """`Suite.Claim` in a page is a test of ours: a claim that names none is only a claim."""
    source = "\n".join("\n".join(lines) for path, lines in tree.ending(".cc").items() if path.startswith("tests/"))
    tests = {f"{s}.{n}" for s, n in re.findall(r"\bTEST(?:_F|_P)?\(\s*(\w+)\s*,\s*(\w+)\s*\)", source)}
    for path, lines in tree.ending(".md").items():
        for number, line in outside_code(lines):
            for name in re.findall(r"`([A-Z]\w+\.[A-Z]\w+)`", line):
                if name not in tests:
                    yield Breach(path, number, f"no test is called {name}")


def named_commands_exist(tree):
    """`domicile noun verb` in a page is a command that docs/commands.md lists."""
    listed = "\n".join(tree.files.get("docs/commands.md", []))
    nouns_alone = {"gateway", "demo", "why", "version"}
    for path, lines in tree.ending(".md").items():
        for number, line in outside_code(lines):
            for noun, verb in re.findall(r"`domicile ([a-z]+)(?: ([a-z][a-z-]+))?", line):
                if not verb and noun not in nouns_alone:
                    continue  # the product and a word
                command = noun if noun in nouns_alone else f"{noun} {verb}"
                if not re.search(rf"`{re.escape(command)}\b", listed):
                    yield Breach(path, number, f"domicile {command} is no command of docs/commands.md")


REQUIRED = ["README.md", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "docs/architecture.md",
            "docs/glossary.md", "docs/reasons.md", "docs/threat-model.md", "docs/testing.md", ".ci/run", "dev"]


def root_files_are_there(tree):
    for path in REQUIRED:
        if not tree.exists(path):
            yield Breach(path, 1, "missing")
    changelog = "\n".join(tree.files.get("CHANGELOG.md", []))
    if tree.exists("CHANGELOG.md") and "## Unreleased" not in changelog:
        yield Breach("CHANGELOG.md", 1, 'needs a section "## Unreleased"')


def pages_can_be_found(tree):
    """Every page of docs/ is reached by links from the README."""
    seen, queue = set(), ["README.md"]
    while queue:
        page = queue.pop()
        if page in seen or page not in tree.files:
            continue
        seen.add(page)
        for _, line in outside_code(tree.files[page]):
            for target in re.findall(r"\]\(([^)\s#]+)", line):
                if not re.match(r"[a-z]+:", target):
                    queue.append(os.path.normpath(os.path.join(os.path.dirname(page), target)))
    for path in tree.ending(".md"):
        if path.startswith("docs/") and path not in seen:
            yield Breach(path, 1, "no page leads here: link it from docs/architecture.md or its neighbours")


LAWS = [
    rooms_are_known, includes_go_down, links_go_down, includes_have_no_cycle, libraries_stay_hidden,
    doors_hide_their_libraries,
    quoted_includes_start_at_the_root, headers_have_guards, headers_say_what_they_are,
    headers_name_errors_and_source, headers_open_no_namespace, cpp_avoids_banned, sources_are_built, files_fit_one_sitting,
    planted_bugs_still_fit,
    words_are_ours, nothing_is_left_for_later, nothing_names_a_machine, pages_have_one_title,
    links_lead_somewhere, named_tests_exist, named_commands_exist, root_files_are_there, pages_can_be_found,
]


def main(arguments):
    root = arguments[0] if arguments else os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    tree = Tree(root)
    breaches = [(law, breach) for law in LAWS for breach in law(tree)]
    for law, breach in breaches:
        print(f"{breach.path}:{breach.line}: {breach.message} [{law.__name__}]")
    print(f"{len(LAWS)} laws over {len(tree.files)} files: {len(breaches)} breaches", file=sys.stderr)
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
