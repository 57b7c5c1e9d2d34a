public import Time

/// A deadline on a loop, cheap enough to move with every request: arming one that already waits in
/// the wheel is a store, and so is cancelling.
///
/// The action runs on the loop's thread, up to one wheel tick (4 ms) late, once per arming.
public final class Timer {
    private let loop: Loop
    /// What happens at the deadline.
    public var action: () -> Void
    /// When the action is due; `.never` when it is not.
    public internal(set) var deadline: Instant = .never
    /// The slot's time where the wheel will look at this timer next; `.never` when it is in no slot.
    var visit: Instant = .never

    /// A timer that is not armed.
    public init(on loop: Loop, action: @escaping () -> Void) {
        self.loop = loop
        self.action = action
    }

    /// Sets the deadline, replacing an earlier one.
    public func arm(at deadline: Instant) {
        self.deadline = deadline
        // A visit at or before the deadline moves the timer on by itself.
        if visit > deadline { loop.wheel.insert(self, on: loop) }
    }

    /// Sets the deadline `nanoseconds` from now.
    public func arm(afterNanoseconds nanoseconds: UInt64) {
        arm(at: Instant.now().advanced(byNanoseconds: nanoseconds))
    }

    /// Forgets the deadline. The wheel drops the timer at its next visit.
    public func cancel() { deadline = .never }
}

/// A hashed timing wheel (Varghese and Lauck, 1987): 1,024 slots of 4 ms. A timer sits in the slot of
/// its deadline or, when that is more than one rotation away, is looked at once per rotation.
///
/// Deadlines move lazily: a slot's visit drops what was cancelled, fires what is due and re-inserts
/// the rest, so that the keep-alive timers of idle connections cost a few nanoseconds a second each.
final class TimerWheel {
    static let tickNanoseconds: UInt64 = 4_000_000
    static let slots = 1024

    private var table = emptyTable()
    private var occupied = SlotSet()
    /// The tick up to which all slots have been visited.
    private var current: UInt64 = 0
    /// When libuv will call `advance` next.
    private var scheduled: Instant = .never
    /// What is being visited; with room for the timers of many slots from the start.
    private var due = TimerWheel.emptySlot(512)

    /// One mention of a timer in a slot; void when the timer has since moved to an earlier slot.
    private struct Entry {
        let timer: Timer
        let visit: Instant
    }

    /// Slots with room for a few timers each, so that arming one allocates nothing (160 KiB a loop).
    private static func emptyTable() -> [[Entry]] {
        (0..<slots).map { _ in emptySlot(8) }
    }

    private static func emptySlot(_ capacity: Int) -> [Entry] {
        var slot: [Entry] = []
        slot.reserveCapacity(capacity)
        return slot
    }

    func insert(_ timer: Timer, on loop: Loop) {
        let now = Instant.now().nanoseconds / Self.tickNanoseconds
        if occupied.isEmpty { current = now }
        let wanted = timer.deadline.nanoseconds / Self.tickNanoseconds + 1
        let tick = min(max(wanted, current + 1), current + UInt64(Self.slots) - 1)
        let slot = Int(tick % UInt64(Self.slots))
        timer.visit = Instant(nanoseconds: tick * Self.tickNanoseconds)
        table[slot].append(Entry(timer: timer, visit: timer.visit))
        occupied.insert(slot)
        if timer.visit < scheduled {
            scheduled = timer.visit
            loop.scheduleTick(at: timer.visit)
        }
    }

    func advance(to now: Instant, on loop: Loop) {
        let target = now.nanoseconds / Self.tickNanoseconds
        scheduled = .never
        // Actions may arm timers, that is, change the table: they run after the slots were emptied.
        while current < target, let next = occupied.first(after: current, before: target) {
            current = next
            let slot = Int(next % UInt64(Self.slots))
            due.append(contentsOf: table[slot])
            table[slot].removeAll(keepingCapacity: true)
            occupied.remove(slot)
        }
        current = max(current, target)
        // Out of reach of what the actions do, and with its memory kept for the next time.
        var visited: [Entry] = []
        swap(&visited, &due)
        for index in visited.indices where visited[index].timer.visit == visited[index].visit {
            visited[index].timer.visit = .never
            settle(visited[index].timer, now: now, on: loop)
        }
        visited.removeAll(keepingCapacity: true)
        if due.isEmpty { swap(&visited, &due) }
        scheduleNext(on: loop)
    }

    /// Mentions of timers in all slots.
    var entryCount: Int { table.reduce(0) { $0 + $1.count } }

    /// Forgets all timers, which hold their loop: for the end of the loop.
    func removeAll() {
        table = Self.emptyTable()
        occupied = SlotSet()
        scheduled = .never
    }

    private func settle(_ timer: Timer, now: Instant, on loop: Loop) {
        if timer.deadline == .never { return }
        if timer.deadline > now { return insert(timer, on: loop) }
        timer.deadline = .never
        timer.action()
    }

    private func scheduleNext(on loop: Loop) {
        guard let next = occupied.first(after: current, before: current + UInt64(Self.slots)) else {
            return
        }
        let instant = Instant(nanoseconds: next * Self.tickNanoseconds)
        if instant < scheduled {
            scheduled = instant
            loop.scheduleTick(at: instant)
        }
    }
}

/// Which of the wheel's slots hold anything: one bit each.
struct SlotSet {
    private var words: [UInt64] = Array(repeating: 0, count: TimerWheel.slots / 64)

    var isEmpty: Bool { words.allSatisfy { $0 == 0 } }
    mutating func insert(_ slot: Int) { words[slot >> 6] |= 1 << UInt64(slot & 63) }
    mutating func remove(_ slot: Int) { words[slot >> 6] &= ~(1 << UInt64(slot & 63)) }

    /// The first tick in (`after`, `before`] whose slot is occupied, at most one rotation ahead.
    func first(after: UInt64, before: UInt64) -> UInt64? {
        var tick = after + 1
        let end = min(before, after + UInt64(TimerWheel.slots))
        while tick <= end {
            let slot = Int(tick % UInt64(TimerWheel.slots))
            let rest = words[slot >> 6] >> UInt64(slot & 63)
            if rest != 0 {
                let found = tick + UInt64(rest.trailingZeroBitCount)
                return found <= end ? found : nil
            }
            tick += UInt64(64 - (slot & 63))
        }
        return nil
    }
}
