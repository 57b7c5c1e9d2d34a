/// One element of a list such as `Accept`: `text/plain;version=0.0.4;q=0.5`.
struct WeightedItem: Equatable {
    struct Parameter: Equatable {
        var name: String
        var value: String
    }

    /// The range or coding, in lower case.
    var value: String
    /// The parameters besides the weight, names in lower case.
    var parameters: [Parameter]
    /// The weight in thousandths, 1000 if none is given.
    var thousandths: Int
}

/// The elements of a list field with weights (RFC 9110 §12.4.2). An element that breaks the grammar
/// is left out.
func weightedItems(_ field: [UInt8]) -> [WeightedItem] {
    split(field[...], at: 0x2c).compactMap { element in
        let parts = split(element, at: 0x3b).map(trim)
        guard let first = parts.first, !first.isEmpty else { return nil }
        var item = WeightedItem(value: lowered(first), parameters: [], thousandths: 1000)
        for part in parts.dropFirst() where !part.isEmpty {
            guard let sign = part.firstIndex(of: 0x3d) else { return nil }
            let name = lowered(trim(part[..<sign]))
            let value = unquoted(trim(part[part.index(after: sign)...]))
            if name == "q" {
                guard let weight = weight(value) else { return nil }
                item.thousandths = weight
            } else {
                let text = String(decoding: value, as: UTF8.self)
                item.parameters.append(.init(name: name, value: text))
            }
        }
        return item
    }
}

/// `qvalue = ( "0" [ "." 0*3DIGIT ] ) / ( "1" [ "." 0*3("0") ] )`
private func weight(_ bytes: [UInt8]) -> Int? {
    guard let first = bytes.first, first == 0x30 || first == 0x31, bytes.count <= 5 else {
        return nil
    }
    var value = first == 0x31 ? 1000 : 0
    if bytes.count > 1 {
        guard bytes[1] == 0x2e else { return nil }
        var scale = 100
        for byte in bytes.dropFirst(2) {
            guard (0x30...0x39).contains(byte) else { return nil }
            value += Int(byte - 0x30) * scale
            scale /= 10
        }
    }
    return value <= 1000 ? value : nil
}

/// `bytes` cut at each `separator` outside of quotes.
private func split(_ bytes: ArraySlice<UInt8>, at separator: UInt8) -> [ArraySlice<UInt8>] {
    var parts: [ArraySlice<UInt8>] = []
    var start = bytes.startIndex
    var quoted = false
    var escaped = false
    for (index, byte) in zip(bytes.indices, bytes) {
        if escaped {
            escaped = false
        } else if quoted, byte == 0x5c {
            escaped = true
        } else if byte == 0x22 {
            quoted.toggle()
        } else if byte == separator, !quoted {
            parts.append(bytes[start..<index])
            start = index + 1
        }
    }
    parts.append(bytes[start...])
    return parts
}

private func trim(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
    let front = bytes.drop(while: isSpace)
    guard let last = front.lastIndex(where: { !isSpace($0) }) else { return [] }
    return front[...last]
}

/// The contents of a quoted string, or `bytes` as they are.
private func unquoted(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
    guard bytes.count >= 2, bytes.first == 0x22, bytes.last == 0x22 else { return Array(bytes) }
    var contents: [UInt8] = []
    var escaped = false
    for byte in bytes.dropFirst().dropLast() {
        if !escaped, byte == 0x5c {
            escaped = true
        } else {
            contents.append(byte)
            escaped = false
        }
    }
    return contents
}

private func lowered(_ bytes: ArraySlice<UInt8>) -> String {
    String(decoding: bytes.map { (0x41...0x5a).contains($0) ? $0 | 0x20 : $0 }, as: UTF8.self)
}
