"""What runs the emulator and the functions: virtual environments and Lambda runtimes."""
