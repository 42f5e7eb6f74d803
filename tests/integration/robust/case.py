"""The list of cases, in the order in which they begin: the long ones first."""
import collections

Entry = collections.namedtuple("Entry", "name function")
entries = []


class Skip(Exception):
    """What this machine cannot do."""


def case(name):
    def register(function):
        entries.append(Entry(name, function))
        return function

    return register
