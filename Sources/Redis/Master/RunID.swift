/// The identity of one run of a Redis server or of a Sentinel: a server that was restarted has another one.
public struct RunID: Hashable, Sendable {
    /// 40 hexadecimal digits in lower case.
    public let text: String

    /// The identity written as these bytes; nil unless they are 40 hexadecimal digits.
    public init?(_ bytes: [UInt8]) {
        guard bytes.count == 40 else { return nil }
        for byte in bytes {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"): break
            default: return nil
            }
        }
        text = String(decoding: bytes, as: UTF8.self)
    }

    /// The `run_id:` line of an answer to `INFO server`; nil without a well-formed one.
    public init?(info: [UInt8]) {
        let name = Array("run_id:".utf8)
        for line in info.split(whereSeparator: { $0 == 0x0A || $0 == 0x0D })
        where line.starts(with: name) {
            self.init(Array(line.dropFirst(name.count)))
            return
        }
        return nil
    }
}
