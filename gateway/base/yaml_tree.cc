#include "gateway/base/yaml_tree.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <exception>
#include <istream>
#include <optional>
#include <streambuf>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "gateway/base/check.h"
#include "gateway/base/limits.h"
#include "gateway/base/utf8.h"

namespace domicile::base::yaml_internal {
namespace {

using Kind = YamlNode::Kind;

// Reads the text where it lies; std::istringstream would copy it.
class TextBuffer : public std::streambuf {
 public:
  explicit TextBuffer(absl::string_view text) {
    char* begin = const_cast<char*>(text.data());
    setg(begin, begin, begin + text.size());
  }
};

// Builds the tree from yaml-cpp's events; its Node API would hide duplicate keys and aliases.
class Builder final : public YAML::EventHandler {
 public:
  Builder(Tree& tree, Issues& issues) : tree_(tree), issues_(issues) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    ++documents_;
    if (documents_ > 1) Problem(mark, "a second document; one file holds one");
  }
  void OnDocumentEnd() override {}
  int documents() const { return documents_; }
  // Where the last quoted or block scalar begins.
  std::optional<size_t> last_quoted() const { return last_quoted_; }

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    RefuseAnchor(mark, anchor);
    Place(mark, New(Kind::kNull, mark));
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    Problem(mark, "an alias; write the value out");
    Place(mark, New(Kind::kNull, mark));
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& text) override {
    RefuseAnchor(mark, anchor);
    // yaml-cpp gives "?" to plain scalars, "!" to quoted and block ones.
    if (tag != "?" && tag != "!") Problem(mark, "a tag; remove it");
    if (tag == "!") last_quoted_ = static_cast<size_t>(mark.pos);
    Value* value = New(Kind::kScalar, mark);
    if (value != nullptr) {
      value->text = text;
      value->quoted = tag != "?";
    }
    Place(mark, value);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Open(Kind::kList, mark, tag, anchor);
  }
  void OnSequenceEnd() override { Close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    Open(Kind::kMap, mark, tag, anchor);
  }
  void OnMapEnd() override { Close(); }

 private:
  struct Frame {
    Value* value = nullptr;   // nullptr: over a limit, content is dropped
    bool want_value = false;  // of a map: the key has been read
    bool key_usable = false;
    std::string key;
    int key_line = 0;
  };

  static int Line(const YAML::Mark& mark) { return mark.line + 1; }

  void Problem(const YAML::Mark& mark, absl::string_view message) {
    issues_.Add(tree_.file, Line(mark), message);
  }

  void RefuseAnchor(const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (anchor != YAML::NullAnchor)
      Problem(mark, "an anchor; write the value out where it is used");
  }

  // nullptr once the document has too many nodes.
  Value* New(Kind kind, const YAML::Mark& mark) {
    if (tree_.values.size() >= limits::kYamlNodesMax) {
      if (!too_many_) {
        Problem(mark, absl::StrCat("more than ", limits::kYamlNodesMax, " values in one file"));
      }
      too_many_ = true;
      return nullptr;
    }
    tree_.values.emplace_back();
    Value& value = tree_.values.back();
    value.kind = kind;
    value.line = Line(mark);
    value.file = &tree_.file;
    return &value;
  }

  void Open(Kind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    RefuseAnchor(mark, anchor);
    if (tag != "?") Problem(mark, "a tag; remove it");
    Value* value = nullptr;
    if (frames_.size() < limits::kYamlDepthMax) {
      value = New(kind, mark);
    } else if (frames_.size() == limits::kYamlDepthMax) {
      Problem(mark, absl::StrCat("nested deeper than ", limits::kYamlDepthMax));
    }
    Place(mark, value);
    frames_.emplace_back();
    frames_.back().value = value;
  }

  void Close() {
    DOMICILE_CHECK(!frames_.empty());
    frames_.pop_back();
  }

  // Puts a finished scalar or a container that was just opened where it belongs.
  void Place(const YAML::Mark& mark, Value* value) {
    if (frames_.empty()) {
      if (documents_ == 1) tree_.root = value;
      return;
    }
    Frame& frame = frames_.back();
    if (frame.value == nullptr) return;
    if (frame.value->kind == Kind::kList) {
      if (value != nullptr) frame.value->items.push_back(value);
      return;
    }
    if (!frame.want_value) {
      PlaceKey(mark, value, frame);
    } else {
      PlaceMapValue(value, frame);
    }
  }

  void PlaceKey(const YAML::Mark& mark, const Value* value, Frame& frame) {
    frame.want_value = true;
    frame.key_usable = false;
    if (value == nullptr) return;
    if (value->kind != Kind::kScalar) {
      Problem(mark, "a key that is no text");
      return;
    }
    if (!value->quoted && LooksBoolean(value->text)) {
      Problem(mark, absl::StrCat("key `", value->text, "` reads as a boolean in YAML 1.1; write \"",
                                 value->text, "\""));
    }
    frame.key_usable = true;
    frame.key = value->text;
    frame.key_line = value->line;
  }

  void PlaceMapValue(Value* value, Frame& frame) {
    frame.want_value = false;
    if (!frame.key_usable || value == nullptr) return;
    // yaml-cpp puts a value that is left out where the next thing stands.
    if (value->kind == Kind::kNull) value->line = frame.key_line;
    Value& map = *frame.value;
    auto [it, fresh] = map.places.try_emplace(frame.key, map.items.size());
    if (!fresh) {
      issues_.Add(tree_.file, frame.key_line,
                  absl::StrCat("key `", frame.key, "` stands twice, first on line ",
                               map.key_lines[it->second]));
      return;
    }
    map.items.push_back(value);
    map.keys.push_back(frame.key);
    map.key_lines.push_back(frame.key_line);
  }

  Tree& tree_;
  Issues& issues_;
  std::vector<Frame> frames_;
  int documents_ = 0;
  std::optional<size_t> last_quoted_;
  bool too_many_ = false;
};

// False when the bytes are no text that a person can have written.
bool CheckText(absl::string_view text, const std::string& file, Issues& issues) {
  if (text.size() > limits::kYamlFileBytesMax) {
    issues.Add(file, 0, absl::StrCat("larger than ", limits::kYamlFileBytesMax, " bytes"));
    return false;
  }
  int line = 1;
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (c == '\n') ++line;
    if ((byte < ' ' && c != '\n' && c != '\r' && c != '\t') || byte == 0x7f) {
      issues.Add(file, line, "a control character");
      return false;
    }
  }
  size_t valid = ValidUtf8Prefix(text);
  if (valid != text.size()) {
    int broken_line = 1;
    for (char c : text.substr(0, valid)) broken_line += c == '\n' ? 1 : 0;
    issues.Add(file, broken_line, "bytes that are no UTF-8");
    return false;
  }
  return true;
}

// yaml-cpp takes the end of a file for a closing quote, so a file that was cut there would load.
// Only the last scalar can be one that never ends.
bool EndsInsideQuotes(absl::string_view text, size_t begin) {
  if (begin >= text.size()) return false;
  const char quote = text[begin];
  if (quote != '"' && quote != '\'') return false;
  for (size_t i = begin + 1; i < text.size(); ++i) {
    if (quote == '"' && text[i] == '\\') {
      ++i;
    } else if (text[i] == quote) {
      if (quote == '"' || i + 1 >= text.size() || text[i + 1] != quote) return false;
      ++i;  // '' is a quote inside
    }
  }
  return true;
}

}  // namespace

bool LooksBoolean(absl::string_view text) {
  if (text.size() > 5) return false;
  std::string lower = absl::AsciiStrToLower(text);
  for (absl::string_view word : {"y", "n", "yes", "no", "on", "off", "true", "false"}) {
    if (lower == word) return true;
  }
  return false;
}

void ParseYaml(absl::string_view text, Tree& tree, Issues& issues) {
  if (!CheckText(text, tree.file, issues)) return;
  // A byte order mark says nothing about UTF-8, and would move yaml-cpp's positions.
  if (text.substr(0, 3) == "\xef\xbb\xbf") text.remove_prefix(3);
  TextBuffer buffer(text);
  std::istream stream(&buffer);
  Builder builder(tree, issues);
  try {
    YAML::Parser parser(stream);
    // A second document is a problem already, and on some texts yaml-cpp finds documents without
    // end: it never takes a comma that opens one.
    while (builder.documents() < 2 && parser.HandleNextDocument(builder)) {
    }
  } catch (const YAML::Exception& e) {
    issues.Add(tree.file, e.mark.is_null() ? 0 : e.mark.line + 1, e.msg);
  } catch (const std::exception&) {
    issues.Add(tree.file, 0, "the YAML parser gave up");
  }
  if (builder.last_quoted() && EndsInsideQuotes(text, *builder.last_quoted())) {
    issues.Add(tree.file, 0, "ends inside quotes; the file is cut");
  }
}

}  // namespace domicile::base::yaml_internal
