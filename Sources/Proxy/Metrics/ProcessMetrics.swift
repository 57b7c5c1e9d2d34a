internal import EventLoop
internal import Telemetry

/// The process_* families, read from /proc at each scrape. What cannot be read is left out.
enum ProcessMetrics {
    static func collect(into sink: inout SampleSink) {
        if let stat = words(of: "/proc/self/stat", after: ")") {
            collectStat(stat, into: &sink)
        }
        if let count = SystemFacts.entryCount(of: "/proc/self/fd") {
            // One of them is the directory that was just read.
            sink.set(Catalogue.processOpenFds, to: Double(max(0, count - 1)))
        }
        guard let limits = text(of: "/proc/self/limits") else { return }
        for line in limits.split(separator: "\n") {
            if let value = limit(line, "Max open files") {
                sink.set(Catalogue.processMaxFds, to: value)
            }
            if let value = limit(line, "Max address space") {
                sink.set(Catalogue.processVirtualMemoryMax, to: value)
            }
        }
    }

    /// `stat` starts at field 3 of proc(5).
    private static func collectStat(_ stat: [Substring], into sink: inout SampleSink) {
        func field(_ number: Int) -> Double? {
            stat.indices.contains(number - 3) ? Double(stat[number - 3]) : nil
        }
        let ticks = Double(SystemFacts.ticksPerSecond)
        if let user = field(14), let system = field(15) {
            sink.set(Catalogue.processCPU, to: (user + system) / ticks)
        }
        if let threads = field(20) { sink.set(Catalogue.processThreads, to: threads) }
        if let start = field(22), let boot = bootTime() {
            sink.set(Catalogue.processStartTime, to: boot + start / ticks)
        }
        if let bytes = field(23) { sink.set(Catalogue.processVirtualMemory, to: bytes) }
        if let pages = field(24) {
            sink.set(Catalogue.processResidentMemory, to: pages * Double(SystemFacts.pageBytes))
        }
    }

    private static func bootTime() -> Double? {
        text(of: "/proc/stat")?.split(separator: "\n").first { $0.hasPrefix("btime ") }
            .flatMap { Double($0.dropFirst(6)) }
    }

    private static func limit(_ line: Substring, _ name: String) -> Double? {
        guard line.hasPrefix(name) else { return nil }
        return line.dropFirst(name.count).split(separator: " ").first.flatMap { Double($0) }
    }

    private static func text(of path: String) -> String? {
        SystemFacts.contents(of: path).map { String(decoding: $0, as: UTF8.self) }
    }

    private static func words(of path: String, after mark: Character) -> [Substring]? {
        guard let text = text(of: path), let end = text.lastIndex(of: mark) else { return nil }
        return text[text.index(after: end)...].split(separator: " ")
    }
}
