/// W-TinyLFU (Einziger, Friedman, Manes, ACM ToS 2017) with admission by aggregated victims for entries
/// of different sizes (Einziger, Eytan, Friedman, Manes 2022): a window of 1 %, and a main part of
/// which 80 % are protected.
///
/// Uses are counted exactly where the real one has a sketch, which flatters it a little.
struct TinyLFU: Policy {
    private var window = Order()
    private var probation = Order()
    private var protected = Order()
    private let bytesMax: Int
    private let charges: [Int]
    private var counts = [UInt8](repeating: 0, count: Trace.allKeys)
    private var counted = 0
    /// Counts are halved each time that this many were counted: ten for each entry that fits.
    private let sample: Int

    init(bytesMax: Int, charges: [Int]) {
        self.bytesMax = bytesMax
        self.charges = charges
        sample = 10 * bytesMax / (charges.reduce(0, +) / charges.count)
    }

    mutating func request(_ key: Int) -> Bool {
        count(key)
        if window.contains(key) {
            window.renew(key, charges[key])
            return true
        }
        if protected.contains(key) {
            protected.renew(key, charges[key])
            return true
        }
        if probation.contains(key) {
            probation.remove(key, charges[key])
            protected.append(key, charges[key])
            demote()
            return true
        }
        window.append(key, charges[key])
        while window.bytes > bytesMax / 100, let candidate = window.oldest {
            window.remove(candidate, charges[candidate])
            admit(candidate)
        }
        return false
    }

    private mutating func demote() {
        while protected.bytes > bytesMax / 100 * 99 / 10 * 8, let oldest = protected.oldest {
            protected.remove(oldest, charges[oldest])
            probation.append(oldest, charges[oldest])
        }
    }

    /// Lets `candidate` in if it was used more than all those together that would have to go for it.
    private mutating func admit(_ candidate: Int) {
        let limit = bytesMax - bytesMax / 100
        var missing = probation.bytes + protected.bytes + charges[candidate] - limit
        var victims: [Int] = []
        var uses = 0
        var victim = probation.oldest
        while missing > 0 {
            guard let key = victim else { return }
            victims.append(key)
            uses += Int(counts[key])
            missing -= charges[key]
            guard uses < Int(counts[candidate]) else { return refresh(victims) }
            victim = probation.newer(than: key)
        }
        for key in victims { probation.remove(key, charges[key]) }
        probation.append(candidate, charges[candidate])
    }

    /// Victims that stay are not asked again at once.
    private mutating func refresh(_ victims: [Int]) {
        for key in victims { probation.renew(key, charges[key]) }
    }

    private mutating func count(_ key: Int) {
        if counts[key] < 15 { counts[key] += 1 }
        counted += 1
        guard counted >= sample else { return }
        counted /= 2
        for index in counts.indices { counts[index] /= 2 }
    }
}
