"""A screen in memory, and hands on its mouse and keyboard: for scripts that drive the real window.

Needs Linux with Xvfb, libX11 and libXtst.
"""

import ctypes
import os
import subprocess

LEFT, WHEEL_UP = 1, 4
# A smaller window is a hint or a menu.
LEAST_WIDTH = 400
# A window may go away at any moment, and Xlib would end the script for it.
IGNORED = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)(lambda *_: 0)


class Screen:
    """A display of its own."""

    def __init__(self, width, height):
        read, write = os.pipe()
        screen = ["-screen", "0", f"{width}x{height}x24", "-nolisten", "tcp"]
        command = ["Xvfb", "-displayfd", str(write), *screen]
        self.server = subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL)
        os.close(write)
        with os.fdopen(read) as pipe:
            self.name = ":" + pipe.readline().strip()
        self.x, self.tst = ctypes.CDLL("libX11.so.6"), ctypes.CDLL("libXtst.so.6")
        self.x.XSetErrorHandler(IGNORED)
        self.x.XOpenDisplay.restype = ctypes.c_void_p
        self.x.XDefaultRootWindow.restype = ctypes.c_ulong
        self.x.XStringToKeysym.restype = ctypes.c_ulong
        self.connection = ctypes.c_void_p(self.x.XOpenDisplay(self.name.encode()))
        self.root = ctypes.c_ulong(self.x.XDefaultRootWindow(self.connection))

    def windows(self):
        """The programs' windows as (id, x, y, width, height)."""
        root, parent, count = ctypes.c_ulong(), ctypes.c_ulong(), ctypes.c_uint()
        children = ctypes.POINTER(ctypes.c_ulong)()
        out = map(ctypes.byref, (root, parent, children, count))
        self.x.XQueryTree(self.connection, self.root, *out)
        found = [(children[n], *self.geometry(children[n])) for n in range(count.value)]
        return [w for w in found if w[3] > LEAST_WIDTH]

    def geometry(self, window):
        """Place and size of a window as (x, y, width, height)."""
        root, place = ctypes.c_ulong(), [ctypes.c_int(), ctypes.c_int()]
        size = [ctypes.c_uint() for _ in range(4)]
        out = map(ctypes.byref, (root, *place, *size))
        self.x.XGetGeometry(self.connection, ctypes.c_ulong(window), *out)
        return place[0].value, place[1].value, size[0].value, size[1].value

    def place(self, window, x, y, width, height):
        """Gives the window this place and size, and the keyboard."""
        self.x.XMoveResizeWindow(self.connection, ctypes.c_ulong(window), x, y, width, height)
        self.focus(window)

    def focus(self, window):
        self.x.XRaiseWindow(self.connection, ctypes.c_ulong(window))
        self.x.XSetInputFocus(self.connection, ctypes.c_ulong(window), 1, 0)
        self.flush()

    def flush(self):
        self.x.XSync(self.connection, 0)

    def move(self, x, y):
        self.tst.XTestFakeMotionEvent(self.connection, -1, int(x), int(y), 0)
        self.flush()

    def button(self, pressed, number=LEFT):
        self.tst.XTestFakeButtonEvent(self.connection, number, int(pressed), 0)
        self.flush()

    def wheel(self):
        """A notch of the wheel."""
        self.button(True, WHEEL_UP)
        self.button(False, WHEEL_UP)

    def press(self, *names):
        """Presses keys in this order and lets them go; named as X names them."""
        symbols = [ctypes.c_ulong(self.x.XStringToKeysym(name.encode())) for name in names]
        codes = [self.x.XKeysymToKeycode(self.connection, s) for s in symbols]
        for code in codes:
            self.tst.XTestFakeKeyEvent(self.connection, code, 1, 0)
        for code in reversed(codes):
            self.tst.XTestFakeKeyEvent(self.connection, code, 0, 0)
        self.flush()

    def close(self):
        # Xlib ends a program whose display goes away, the script too.
        if self.connection:
            self.x.XCloseDisplay(self.connection)
            self.connection = None
        self.server.kill()
        self.server.wait()
