from __future__ import annotations

import pytest

from assesskit.variants import LONGEST_SEED, Parameter, Renaming, draw, is_seed, words_of

SPELLINGS = {
    "order": "booking",
    "orders": "bookings",
    "inventory": "campsite",
    "sku": "pitch",
    "reservation": "allocation",
    "OUT": "SHUT",
    "144": "60",
}
rename = Renaming(SPELLINGS, ["order by"])
NUMBER = Parameter("number", tuple({"144": str(number)} for number in range(7)))
OTHER = Parameter("other", tuple({"240": str(number)} for number in range(7)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("order orders Order Orders ORDER ORDERS", "booking bookings Booking Bookings BOOKING BOOKINGS"),
        ("createOrder(order_id) -> NewOrder", "createBooking(booking_id) -> NewBooking"),
        ("MAX_ORDERS, OrderID, XMLOrder, order2", "MAX_BOOKINGS, BookingID, XMLBooking, booking2"),
        ("sku SKU Sku", "pitch PITCH Pitch"),
        ('"a line\\norder"', '"a line\\nbooking"'),
    ],
)
def test_a_word_is_exchanged_in_every_case_form_and_as_a_part_of_a_name(text, expected):
    assert rename(text) == expected


@pytest.mark.parametrize("text", ["ordered", "ordering", "border", "reorder", "skull", "TIMEOUT", "out", "Out-"])
def test_a_word_inside_another_one_or_in_another_form_stays(text):
    assert rename(text) == text


def test_phrases_to_keep_stay_in_any_case():
    assert rename("ORDER BY order order by") == "ORDER BY booking order by"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("an order, An `order`, an\n# order", "a booking, A `booking`, a\n# booking"),
        ("a reservation", "an allocation"),
        ("test_an_order_and_a_reservation", "test_a_booking_and_an_allocation"),
        ("an old order, a new reservation, a order", "an old booking, a new allocation, a booking"),
    ],
)
def test_articles_agree_with_the_word_that_follows(text, expected):
    assert rename(text) == expected


@pytest.mark.parametrize("text", ["maximum: 144", "{1,144}", "144.", "144 KiB", "(144)", "1 <= n <= 144:"])
def test_a_whole_number_is_exchanged(text):
    assert rename(text) == text.replace("144", "60")


@pytest.mark.parametrize("text", ["1440", "0.144", "144.5", "x144", "144ms", "TEA_144", "2026-03-144", "12:144:07"])
def test_a_number_inside_something_else_stays(text):
    assert rename(text) == text


def test_the_places_that_a_patch_counts_with_stay():
    hunk = "@@ -144,6 +144,7 @@ def order():\n-    return order\n"
    assert rename(hunk) == "@@ -144,6 +144,7 @@ def order():\n-    return booking\n"


def test_renaming_to_the_same_spelling_changes_nothing():
    text = "an order of a order, 144"
    assert Renaming({"order": "order", "144": "144"})(text) == text


def test_renaming_back_gives_the_text_back():
    text = "An order of NewOrder(sku='OUT-1', quantity=144): a reservation of the ORDERS, `an\n order`"
    assert Renaming({new: old for old, new in SPELLINGS.items()})(rename(text)) == text


def test_words_of_a_text_are_what_a_renaming_can_meet():
    assert words_of("newOrder x_144\\nOUT") >= {"new", "order", "x", "144", "OUT", "out"}


def test_a_draw_depends_on_exercise_seed_and_parameter_alone():
    assert draw("one", "s", [NUMBER])["number"] == draw("one", "s", [OTHER, NUMBER])["number"]
    assert len({str(draw(slug, seed, [NUMBER, OTHER])) for slug in ("one", "two") for seed in "abcdef"}) > 6


def test_every_choice_is_drawn_about_as_often_as_any_other():
    drawn = [draw("one", str(seed), [NUMBER])["number"]["144"] for seed in range(700)]
    assert all(60 < drawn.count(str(number)) < 150 for number in range(7))


def test_no_seed_draws_the_first_choice():
    assert draw("one", None, [NUMBER, OTHER]) == {"number": {"144": "0"}, "other": {"240": "0"}}


@pytest.mark.parametrize("seed", ["", "x" * (LONGEST_SEED + 1), "a\nb", "a\x00", " a", "a ", "\udcff", "\u202e"])
def test_what_is_empty_long_or_hard_to_read_is_no_seed(seed):
    assert not is_seed(seed)


@pytest.mark.parametrize("seed", ["1", "C-0142", "größe 7", "x" * LONGEST_SEED])
def test_any_short_printable_text_is_a_seed(seed):
    assert is_seed(seed)
