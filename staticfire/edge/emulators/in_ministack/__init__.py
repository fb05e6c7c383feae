"""What is corrected of MiniStack's answers, a module a service.

ministack_main.py loads them, in MiniStack's own Python: they import nothing of staticfire, and each has `correct()`.
"""
