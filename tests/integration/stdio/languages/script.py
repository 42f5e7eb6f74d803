import os
import sys

print("print", 1)
sys.stderr.write("error\n")
sys.stdout.write("x" * 20000 + "\n")
sys.stdout.flush()
os.write(1, b"os.write\n")
os.writev(2, [b"os.", b"writev\n"])
print("at the end")
sys.exit(4)
