"""How much memory a process has had at most."""

PEAK = """
def peak():
    # Not what getrusage tells: that begins with the peak of the process that started this one.
    with open("/proc/self/status") as file:
        (line,) = (line for line in file if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024
"""
"""For a script of its own: `peak()` gives bytes."""
