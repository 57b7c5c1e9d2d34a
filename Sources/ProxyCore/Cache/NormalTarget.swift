internal import HTTP1

/// The normal form of paths and queries (RFC 3986 §6.2.2).
enum NormalTarget {
    private static let slash = UInt8(ascii: "/")
    private static let dot = UInt8(ascii: ".")
    private static let percent = UInt8(ascii: "%")

    /// Appends a path: an empty one as "/" (RFC 9110 §4.2.3), triplets normalised, then dot segments
    /// removed. False, with nothing appended, if it starts with something other than "/" or "*".
    static func appendPath(_ bytes: Span<UInt8>, _ path: ByteRange, to out: inout [UInt8]) -> Bool {
        guard path.count > 0 else {
            out.append(slash)
            return true
        }
        guard bytes[path.lowerBound] == slash else {
            guard bytes.equals(path, "*") else { return false }
            out.append(UInt8(ascii: "*"))
            return true
        }
        let text = bytes.extracting(path.indices)
        if isNormal(text) {
            out.append(copying: text)
            return true
        }
        let start = out.count
        appendTriplets(bytes, path, to: &out)
        removeDotSegments(&out, from: start)
        return true
    }

    /// Whether a path needs nothing done: there is neither a triplet nor a segment that starts with a
    /// dot. Nearly all are so.
    private static func isNormal(_ path: Span<UInt8>) -> Bool {
        let end = path.count
        guard path.offset(of: percent, from: 0, limit: end) == end else { return false }
        var place = path.offset(of: dot, from: 0, limit: end)
        while place < end {
            if place > 0, path[place &- 1] == slash { return false }
            place = path.offset(of: dot, from: place &+ 1, limit: end)
        }
        return true
    }

    /// Appends `range` with unreserved bytes decoded and the other triplets in upper case. A "%"
    /// without two digits stays as it is.
    static func appendTriplets(_ bytes: Span<UInt8>, _ range: ByteRange, to out: inout [UInt8]) {
        var plain = range.lowerBound
        let end = range.upperBound
        var index = bytes.offset(of: percent, from: plain, limit: end)
        while index < end {
            guard let byte = triplet(bytes, at: index, end: end) else {
                index = bytes.offset(of: percent, from: index &+ 1, limit: end)
                continue
            }
            out.append(copying: bytes.extracting(plain..<index))
            if isUnreserved(byte) {
                out.append(byte)
            } else {
                out.append(percent)
                out.append(hex(byte &>> 4))
                out.append(hex(byte & 15))
            }
            plain = index &+ 3
            index = bytes.offset(of: percent, from: plain, limit: end)
        }
        out.append(copying: bytes.extracting(plain..<end))
    }

    /// The byte that a triplet at `index` stands for; nil if there is none.
    @inline(__always)
    static func triplet(_ bytes: Span<UInt8>, at index: Int, end: Int) -> UInt8? {
        guard index &+ 2 < end, let high = bytes[index &+ 1].hexValue,
            let low = bytes[index &+ 2].hexValue
        else { return nil }
        return high &<< 4 | low
    }

    /// RFC 3986 §2.3.
    @inline(__always)
    private static func isUnreserved(_ byte: UInt8) -> Bool {
        byte.isAlphanumeric || byte == UInt8(ascii: "-") || byte == dot
            || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "~")
    }

    @inline(__always)
    private static func hex(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 &+ value : 0x37 &+ value }

    /// RFC 3986 §5.2.4, in place, for the path from `start` to the end of the buffer.
    private static func removeDotSegments(_ path: inout [UInt8], from start: Int) {
        var write = start
        var read = start
        let end = path.count
        while read < end {
            // `read` stands at the slash before a segment.
            var next = read + 1
            while next < end, path[next] != slash { next += 1 }
            let length = next - read - 1
            let isDot = length == 1 && path[read + 1] == dot
            let isDouble = length == 2 && path[read + 1] == dot && path[read + 2] == dot
            if isDouble {
                while write > start {
                    write -= 1
                    if path[write] == slash { break }
                }
            }
            if !isDot && !isDouble {
                for index in read..<next {
                    path[write] = path[index]
                    write += 1
                }
            } else if next == end {
                path[write] = slash
                write += 1
            }
            read = next
        }
        path.removeSubrange(write...)
    }
}
