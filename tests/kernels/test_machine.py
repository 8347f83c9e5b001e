"""What is known about the machine."""

from convops.kernels import cpu, machine


def test_rates_are_those_of_the_level_and_of_its_units():
    here = machine.this_machine()
    assert not cpu.has_two_units() or "v4" in cpu.levels()
    two = here.level == "v4" and cpu.has_two_units()
    assert here.two_units is two
    assert here.rates is (machine.TWO_UNITS if two else machine.RATES[here.level])
    assert ("Granite Rapids" in here.rates.measured_on) is two
