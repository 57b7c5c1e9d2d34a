/// The longest label value in UTF-8 bytes; what `label_value_length_limit` of the scrape allows.
let labelValueBytesMax = 128

/// `value` made safe: control characters and line separators, which end or split a line for some
/// readers (a NUL ends the page for Prometheus), become U+FFFD, except for the newline, which has
/// an escape; then cut to 128 bytes between characters.
func cleanLabelValue(_ value: String) -> String {
    let isPlain = value.utf8.allSatisfy { (0x20...0x7e).contains($0) }
    if isPlain, value.utf8.count <= labelValueBytesMax { return value }
    var clean = String.UnicodeScalarView()
    var bytes = 0
    for scalar in value.unicodeScalars {
        let kept = isPrintable(scalar) ? scalar : "\u{FFFD}"
        bytes += UTF8.width(kept)
        guard bytes <= labelValueBytesMax else { break }
        clean.append(kept)
    }
    return String(clean)
}

private func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x0a: true
    case 0...0x1f, 0x7f...0x9f, 0x2028, 0x2029: false
    default: true
    }
}

/// The bytes between the braces of a sample: `route="/items/{id}",code="200"`.
func labelBytes(_ labels: [Label], _ values: [String]) -> [UInt8] {
    var bytes: [UInt8] = []
    for (label, value) in zip(labels, values) {
        if !bytes.isEmpty { bytes.append(0x2c) }
        bytes.append(contentsOf: label.name.rawValue.utf8)
        bytes.append(contentsOf: [0x3d, 0x22])
        bytes.append(escaped: value, quotes: true)
        bytes.append(0x22)
    }
    return bytes
}

/// Whether `value` is a status code as HTTP knows them: three digits, 100 to 599.
func isStatusCode(_ value: String) -> Bool {
    let bytes = Array(value.utf8)
    return bytes.count == 3 && (0x31...0x35).contains(bytes[0])
        && bytes.allSatisfy { (0x30...0x39).contains($0) }
}
