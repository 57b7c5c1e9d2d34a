internal import Yams

/// A settings file as a tree with positions, within bounds: it is small, flat, and its aliases do not
/// multiply.
struct SettingsDocument {
    /// Largest file, in bytes.
    static let bytesMax = 1 << 20
    /// Deepest column that a line may start at, and so a bound on nested blocks.
    static let indentationMax = 100
    /// Most brackets and braces open at once.
    static let flowDepthMax = 32
    /// Most duplicate keys reported.
    static let duplicatesMax = 20

    /// The top of the document; nil: empty.
    var root: Node?
    /// Keys that were renamed because they appear again in their map, by their new name.
    var masked: [String: String] = [:]
    /// What is wrong with the text itself.
    var problems: [SettingsProblem] = []

    private let file: String

    init(yaml: String, file: String) {
        self.file = file
        if let (line, message) = Self.excess(of: yaml) {
            report(line, nil, message)
            return
        }
        var text = yaml
        for _ in 0...Self.duplicatesMax {
            do {
                root = try Yams.compose(yaml: text, .basic, .default, .utf8)
                return
            } catch YamlError.duplicatedKeysInMapping(let keys, let context) {
                guard let key = keys.first,
                    let next = mask(key, at: context.mark, in: text)
                else {
                    report(context.mark.line, context.mark.column, "the same key appears again")
                    return
                }
                text = next
            } catch {
                report(error)
                return
            }
        }
        report(nil, nil, "expected every key once, found more than \(Self.duplicatesMax) again")
    }

    private mutating func report(_ line: Int?, _ column: Int?, _ message: String) {
        problems.append(
            SettingsProblem(file: file, line: line, column: column, path: "", message: message))
    }

    private mutating func report(_ error: any Error) {
        switch error {
        case YamlError.scanner(let context, let problem, let mark, _),
            YamlError.parser(let context, let problem, let mark, _),
            YamlError.composer(let context, let problem, let mark, _):
            let detail = context.map { "\($0.text), " } ?? ""
            report(mark.line, mark.column, "not valid YAML: \(detail)\(problem)")
        case YamlError.reader(let problem, _, _, _):
            report(nil, nil, "not valid YAML: \(problem)")
        default:
            report(nil, nil, "not valid YAML")
        }
    }

    /// Renames the first of two equal keys in place, so that the rest of the file can be read and
    /// reported on as well; a private-use character keeps columns as they are. Nil where the text at
    /// the mark is not the plain or quoted key.
    private mutating func mask(_ key: String, at mark: Mark, in text: String) -> String? {
        guard let scalar = Unicode.Scalar(0xe000 + UInt32(masked.count)), !key.isEmpty else {
            return nil
        }
        // By scalars: for `Character`s CR LF is one, which would hide the line's end.
        var scalars = Array(text.unicodeScalars)
        var index = 0
        for _ in 1..<max(mark.line, 1) {
            guard let end = scalars[index...].firstIndex(of: "\n") else { return nil }
            index = end + 1
        }
        index += mark.column - 1
        guard scalars.indices.contains(index) else { return nil }
        if scalars[index] == "\"" || scalars[index] == "'" { index += 1 }
        guard scalars[index...].starts(with: key.unicodeScalars) else { return nil }
        scalars[index] = scalar
        masked[String(scalar) + String(String.UnicodeScalarView(key.unicodeScalars.dropFirst()))] =
            key
        return String(String.UnicodeScalarView(scalars))
    }

    /// What is too much about the text, and where, found before any of it is parsed: the parser
    /// recurses, and compares keys by value.
    static func excess(of yaml: String) -> (line: Int?, message: String)? {
        guard yaml.utf8.count <= bytesMax else {
            return (nil, "expected at most \(bytesMax) bytes, found \(yaml.utf8.count)")
        }
        var flowDepth = 0
        var shape = YAMLShape()
        let lines = yaml.utf8.split(
            omittingEmptySubsequences: false, whereSeparator: { $0 == 0x0a })
        for (index, line) in lines.enumerated() {
            let start = line.firstIndex { ![0x20, 0x09, 0x2d, 0x3f].contains($0) } ?? line.endIndex
            if line.distance(from: line.startIndex, to: start) > indentationMax,
                start == line.endIndex || line[start] != UInt8(ascii: "#")
            {
                return (index + 1, "expected at most \(indentationMax) columns of indentation")
            }
            let change = shape.take(line)
            if flowDepth + shape.deepest > flowDepthMax {
                return (index + 1, "expected at most \(flowDepthMax) nested brackets and braces")
            }
            flowDepth = max(flowDepth + change, 0)
        }
        if shape.hasAnchor, let line = shape.complexKeyLine {
            return (line, "expected plain keys in a file with anchors, found a list, map or alias")
        }
        return nil
    }
}
