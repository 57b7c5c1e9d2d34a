/// A rough reading of YAML lines for bounds alone: brackets, anchors and keys that are no plain text.
/// Quotes are followed within a line only.
struct YAMLShape {
    /// Whether there is an anchor (`&name`).
    private(set) var hasAnchor = false
    /// The first line with a key that is a list, a map or an alias.
    private(set) var complexKeyLine: Int?
    /// How many more brackets were open at the deepest point of the last line than at its start.
    private(set) var deepest = 0
    private var line = 0

    /// Reads the next line; how many more brackets are open at its end than at its start.
    mutating func take(_ bytes: Substring.UTF8View.SubSequence) -> Int {
        line += 1
        var depth = 0
        deepest = 0
        var quote: UInt8?
        var before = UInt8(ascii: " ")
        /// Whether what was just read could be a key that is no plain text.
        var isComplex = false
        var isAlias = false
        for byte in bytes {
            defer { before = byte }
            if let open = quote {
                if byte == open { quote = nil }
                continue
            }
            let isStart = " \t[{,:-".utf8.contains(before)
            switch byte {
            case UInt8(ascii: "#") where before == 0x20 || before == 0x09: return depth
            case UInt8(ascii: "\""), UInt8(ascii: "'"): if isStart { quote = byte }
            case UInt8(ascii: ","):
                isComplex = false
                isAlias = false
            case UInt8(ascii: "["), UInt8(ascii: "{"):
                depth += 1
                deepest = max(deepest, depth)
            case UInt8(ascii: "]"), UInt8(ascii: "}"):
                depth -= 1
                isComplex = true
            case UInt8(ascii: "&") where isStart: hasAnchor = true
            case UInt8(ascii: "*") where isStart: isAlias = true
            case UInt8(ascii: "?") where isStart: complexKeyLine = complexKeyLine ?? line
            case UInt8(ascii: ":") where isComplex || isAlias:
                complexKeyLine = complexKeyLine ?? line
            case 0x20, 0x09: break
            default:
                isComplex = false
                if before == 0x20 { isAlias = false }
            }
        }
        return depth
    }
}
