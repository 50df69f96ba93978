"""Schedulers: who takes the next step.  One file each, behind the interface of driver.py."""
