"""terminal: `otelshim run --console` on a real terminal: ^C, ^Z, fg, colours. Prints ok and not ok lines."""
import os
import pty
import re
import select
import sys
import time

otelshim = sys.argv[1]
COUNT = """
import signal, sys, time
n = [0]
def handler(*_): n[0] += 1
signal.signal(signal.SIGINT, handler)
print("ready", flush=True)
end = time.time() + 60
while not n[0] and time.time() < end: time.sleep(0.05)
time.sleep(0.5)
print("counted", n[0], flush=True)
sys.exit(7)
"""


class Terminal:
    def __init__(self, argv):
        self.text = ""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ["TERM"] = "xterm"
            os.execvp(argv[0], argv)

    def read(self, seconds, until=None):
        end = time.time() + seconds
        while time.time() < end and not (until and re.search(until, self.text)):
            if select.select([self.fd], [], [], 0.05)[0]:
                try:
                    more = os.read(self.fd, 65536)
                except OSError:
                    break
                if not more:
                    break
                self.text += more.decode(errors="replace")

    def type(self, text):
        os.write(self.fd, text.encode())

    def wait(self):
        self.read(90)
        return os.waitpid(self.pid, 0)[1]


def check(name, is_good, seen):
    print("ok" if is_good else "not ok", name, "" if is_good else repr(seen))


terminal = Terminal([otelshim, "run", "--console", "python3", "-c", COUNT])
terminal.read(30, "ready")
terminal.type("\x03")
status = terminal.wait()
check("terminal: ^C reaches the program once", "counted 1" in terminal.text and os.WEXITSTATUS(status) == 7, terminal.text)

terminal = Terminal([otelshim, "run", "--console", "sh", "-c", "echo going; exec sleep 60"])
terminal.read(30, "going")
terminal.type("\x03")
status = terminal.wait()
check("terminal: ^C ends both", os.WIFSIGNALED(status) and os.WTERMSIG(status) == 2, status)

terminal = Terminal(["bash", "--norc", "--noprofile", "-i"])
terminal.read(30, r"\$ |# ")
terminal.type(f"{otelshim} run --console sh -c 'echo going; exec sleep 3'\n")
terminal.read(30, r"going\r")  # not as it was typed
terminal.type("\x1a")
terminal.read(30, "Stopped")
check("terminal: ^Z stops both", "Stopped" in terminal.text, terminal.text)
terminal.type("fg; echo status=$?\n")
terminal.read(40, r"status=\d")
check("terminal: fg goes on", "status=0" in terminal.text, terminal.text)
terminal.type("exit\n")
terminal.wait()
