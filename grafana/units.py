"""Values as people read them, by Grafana's names of units."""
import math

TIMES = ((1e-6, 1e6, "µs"), (1e-3, 1e3, "ms"), (1, 1, "s"))
LONG_TIMES = ((86400, "d"), (3600, "h"), (60, "min"))
DECIMAL = ((1e9, "G"), (1e6, "M"), (1e3, "k"))
BINARY = ((2**30, "Gi"), (2**20, "Mi"), (2**10, "Ki"))


def short(value, digits=3):
    """Up to three digits that count."""
    text = f"{value:.{digits}g}"
    return f"{float(text):.0f}" if "e" in text and abs(value) < 1e6 else text


def scaled(value, scales, suffix):
    """With the largest prefix that leaves at least 1."""
    for size, prefix in scales:
        if abs(value) >= size:
            return f"{short(value / size)} {prefix}{suffix}"
    return f"{short(value)} {suffix}".rstrip()


def seconds(value):
    """From microseconds to days."""
    for size, name in LONG_TIMES:
        if abs(value) >= size * 1.5:
            return f"{short(value / size)} {name}"
    scale = next(((factor, name) for size, factor, name in reversed(TIMES) if abs(value) >= size),
                 (1e6, "µs"))
    return f"{short(value * scale[0])} {scale[1]}" if value else "0 s"


def text(value, unit, decimals=None):
    """A value in its unit."""
    if value is None or math.isnan(value):
        return "no data"
    if math.isinf(value):
        return "∞"
    if unit == "percentunit" and decimals is None and 0 < abs(value) < 0.001:
        return f"{value * 100:.2g} %"
    if unit == "percentunit":
        return f"{value * 100:.{1 if decimals is None else decimals}f} %"
    if unit == "percent":
        return f"{value:.1f} %"
    if unit == "s":
        return seconds(value)
    if unit in ("bytes", "Bps"):
        return scaled(value, BINARY, "B" if unit == "bytes" else "B/s")
    if unit in ("reqps", "ops"):
        return scaled(value, DECIMAL, "req/s" if unit == "reqps" else "/s")
    return f"{value:.{decimals}f}" if decimals is not None else scaled(value, DECIMAL, "")
