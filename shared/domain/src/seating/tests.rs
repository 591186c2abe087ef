use super::*;
use proptest::prelude::*;

/// Rows of one section, the nearest first: `.` free, `h` held, `s` sold, `a` free for people who need it, a blank is a gap.
fn lines(rows: &[&str]) -> Vec<Line> {
    let mut number = 0;
    let line = |(row, text): (usize, &&str)| {
        let middle = (i32::try_from(text.len()).unwrap() - 1) * 50;
        let row = i32::try_from(row).unwrap();
        let seats = text
            .chars()
            .zip(0..)
            .filter(|(letter, _)| *letter != ' ')
            .map(|(letter, place)| {
                number += 1;
                Seat {
                    number: SeatNumber::new(number),
                    place,
                    cost: row * 100 + (place * 100 - middle).abs() / 2,
                    accessible: letter == 'a',
                    state: match letter {
                        'h' => State::Held,
                        's' => State::Sold,
                        _ => State::Free,
                    },
                }
            });
        Line {
            section: 0,
            row,
            seats: seats.collect(),
        }
    };
    rows.iter().enumerate().map(line).collect()
}

fn wish(quantity: u32) -> Wish {
    Wish {
        quantity,
        accessible: false,
        no_singles: false,
        tolerance: 0,
    }
}

fn first(lines: &[Line], wish: Wish) -> Vec<i32> {
    let chosen = best(lines, wish, &mut |_| 0).unwrap_or_default();
    chosen.into_iter().map(SeatNumber::get).collect()
}

fn seats(numbers: &[i32]) -> Vec<SeatNumber> {
    numbers.iter().copied().map(SeatNumber::new).collect()
}

#[test]
fn the_middle_of_the_front_row_is_best() {
    let house = lines(&[".......", "......."]);
    assert_eq!(first(&house, wish(1)), [4]);
    assert_eq!(first(&house, wish(3)), [3, 4, 5]);
    assert_eq!(first(&lines(&["ss...ss", "......."]), wish(4)), [9, 10, 11, 12]);
}

#[test]
fn one_of_those_that_are_equally_good_is_drawn() {
    let house = lines(&["........"]);
    let drawn: HashSet<Vec<SeatNumber>> = (0..2)
        .filter_map(|at| {
            best(&house, wish(1), &mut |below| {
                assert_eq!(below, 2);
                at
            })
        })
        .collect();
    assert_eq!(drawn, HashSet::from([seats(&[4]), seats(&[5])]));
    let mut bound = 0;
    let wide = Wish {
        tolerance: 1_000,
        ..wish(1)
    };
    best(&house, wide, &mut |below| {
        bound = below;
        0
    });
    assert_eq!(bound, 8, "all of them are good enough");
}

#[test]
fn neighbours_have_no_gap_between() {
    assert_eq!(first(&lines(&[".. ..", "....."]), wish(3)), [6, 7, 8]);
}

#[test]
fn whoever_has_seats_gets_more_beside_them() {
    let more = |rows: &[&str], own: &[i32], wish: Wish| {
        let house = lines(rows);
        let more = beside(&house, are_opened(&house), &seats(own), wish);
        more.map(|more| more.into_iter().map(SeatNumber::get).collect::<Vec<_>>())
    };
    // On either side or both, wherever it is best.
    assert_eq!(more(&["..h....", "......."], &[3], wish(2)), Some(vec![4, 5]));
    assert_eq!(more(&["s.h.s", "....."], &[3], wish(2)), Some(vec![2, 4]));
    assert_eq!(more(&["s.hhs", "....."], &[3], wish(1)), Some(vec![2]));
    assert_eq!(more(&["s.hhs", "....."], &[3], wish(2)), None);
    assert_eq!(more(&["..h h.."], &[3, 4], wish(1)), Some(vec![2]));
    // Of a divided group, those grow together who can.
    assert_eq!(more(&["sh.ss", "s.h.."], &[2, 8], wish(2)), Some(vec![7, 9]));
    // What is between the seats that somebody has is filled first of all.
    assert_eq!(more(&["..h.h.."], &[3, 5], wish(1)), Some(vec![4]));
    let strict = Wish {
        no_singles: true,
        ..wish(1)
    };
    assert_eq!(more(&["..h..."], &[3], strict), Some(vec![4]));
    assert_eq!(more(&["..h.s."], &[3], strict), Some(vec![4]));
    assert_eq!(more(&["..h..s"], &[3], strict), None);
    // A companion sits beside a wheelchair.
    assert_eq!(more(&["a...", "...."], &[1], wish(1)), Some(vec![2]));
    assert_eq!(more(&["ha..", "...."], &[1], wish(1)), None);
    let wheels = Wish {
        accessible: true,
        ..wish(1)
    };
    assert_eq!(more(&["aa..", "...."], &[1], wheels), Some(vec![2]));
    assert_eq!(more(&["a...", "...."], &[1], wheels), None);
    let two_wheels = Wish {
        quantity: 2,
        ..wheels
    };
    assert_eq!(more(&["..haa.", "......"], &[3], two_wheels), Some(vec![4, 5]));
    // Those whom no place holds all sit beside some of theirs.
    assert_eq!(more(&["hh...hh"], &[1, 2, 6, 7], wish(1)), Some(vec![3]));
    assert_eq!(more(&["hh...hh"], &[1, 2, 6, 7], wish(3)), Some(vec![3, 4, 5]));
    // What stood alone before is not left alone by this.
    let strict_two = Wish {
        quantity: 2,
        ..strict
    };
    assert_eq!(more(&[".h.."], &[2], strict_two), Some(vec![3, 4]));
    assert_eq!(more(&[".h..."], &[2], strict_two), Some(vec![1, 3]));
}

#[test]
fn a_group_that_fits_nowhere_is_divided_among_rows_beside_each_other_and_nobody_is_alone() {
    assert_eq!(
        first(&lines(&["....", "ssss", "....", "...."]), wish(5)),
        [9, 10, 11, 14, 15],
        "3 and 2"
    );
    assert_eq!(first(&lines(&["...", "...", "..."]), wish(6)).len(), 6);
    assert_eq!(first(&lines(&[".s.s.", ".ssss"]), wish(4)), [1, 3, 5, 6]);
    assert_eq!(first(&lines(&[".s.s.", ".ssss"]), wish(5)), [0; 0]);
}

#[test]
fn seats_for_those_who_need_them_are_kept_until_they_are_the_last() {
    let house = lines(&["aa..", "ssss"]);
    assert_eq!(first(&house, wish(2)), [3, 4]);
    assert_eq!(first(&house, wish(3)), [0; 0], "two are left for everybody");
    assert_eq!(
        first(&lines(&["aahs"]), wish(1)),
        [0; 0],
        "what is held may come back"
    );
    assert_eq!(first(&lines(&["aass"]), wish(2)), [1, 2]);
    let asked = Wish {
        accessible: true,
        ..wish(2)
    };
    assert_eq!(first(&house, asked), [1, 2]);
    assert_eq!(first(&lines(&["..a."]), asked), [2, 3], "with a companion beside");
    assert_eq!(first(&lines(&["...."]), asked), [0; 0]);
    let check = |accessible| check(&house, &seats(&[1]), &[], accessible, false);
    assert_eq!(check(false), Err(ChoiceError::Accessible));
    assert_eq!(check(true), Ok(()));
}

#[test]
fn no_single_seat_is_left_unless_it_cannot_be_helped() {
    let tidy = |quantity| Wish {
        no_singles: true,
        ..wish(quantity)
    };
    let house = lines(&["..."]);
    assert_eq!(first(&house, wish(1)), [2]);
    assert_eq!(first(&house, tidy(1)), [1]);
    assert_eq!(
        first(&house, tidy(2)).len(),
        2,
        "there is no other way to have two"
    );
    let refused = |rows: &[&str], chosen: &[i32], own: &[i32]| {
        check(&lines(rows), &seats(chosen), &seats(own), false, true).is_err()
    };
    assert!(refused(&["....."], &[2], &[]), "leaves 1 alone");
    assert!(refused(&["....."], &[4], &[]), "leaves 5 alone");
    assert!(!refused(&["....."], &[3], &[]));
    assert!(!refused(&["....."], &[1, 2, 3, 4, 5], &[]));
    assert!(refused(&["....."], &[1, 3], &[]), "leaves 2 between");
    assert!(!refused(&[".."], &[1], &[]), "the last two, one at a time");
    assert!(
        refused(&["..", "s."], &[1], &[]),
        "but there is one that stands alone already"
    );
    assert!(!refused(&["s.", ".."], &[2], &[]));
    assert!(!refused(&["s.s"], &[2], &[]));
    // The buyer has seat 1 and wants 2 as well: 3 stays alone; 3 and 2 would not.
    assert!(
        !refused(&["h.."], &[2], &[1]),
        "two of three cannot be had otherwise"
    );
    assert!(refused(&["h..", "...."], &[2], &[1]));
}

#[test]
fn a_companion_of_whoever_sits_on_an_accessible_seat_leaves_nobody_alone_who_was_not() {
    let house = lines(&[".a...", "....."]);
    assert_eq!(check(&house, &seats(&[2, 3]), &[], true, true), Ok(()));
    assert_eq!(check(&house, &seats(&[3]), &seats(&[2]), false, true), Ok(()));
}

#[test]
fn a_choice_is_of_free_seats_that_exist() {
    let house = lines(&[".hs"]);
    let check = |chosen: &[i32]| check(&house, &seats(chosen), &[], false, false);
    assert_eq!(check(&[1]), Ok(()));
    assert_eq!(check(&[1, 2]), Err(ChoiceError::Taken(SeatNumber::new(2))));
    assert_eq!(check(&[3]), Err(ChoiceError::Taken(SeatNumber::new(3))));
    assert_eq!(check(&[1, 9]), Err(ChoiceError::Unknown(SeatNumber::new(9))));
}

#[test]
fn numbers_that_are_sent_are_sorted_and_unique() {
    let read = |json: &str| serde_json::from_str::<SeatNumbers>(json);
    assert_eq!(read("[3, \"1\"]").unwrap().as_slice(), seats(&[1, 3]));
    for bad in [
        "[]",
        "[1,1]",
        "[0]",
        "[-1]",
        "[2147483648]",
        "[1.5]",
        "3",
        "[null]",
    ] {
        assert!(read(bad).is_err(), "{bad}");
    }
}

/// Whether a choice may be taken, by a look at all rows.
fn check(
    house: &[Line],
    seats: &[SeatNumber],
    own: &[SeatNumber],
    accessible: bool,
    no_singles: bool,
) -> Result<(), ChoiceError> {
    let choice = Choice {
        seats,
        own,
        accessible,
        no_singles,
    };
    choice.check(house, are_opened(house))
}

fn any_house() -> impl Strategy<Value = Vec<Line>> {
    let letter = prop_oneof![4 => Just('.'), 1 => Just('h'), 2 => Just('s'), 1 => Just('a'), 1 => Just(' ')];
    let row =
        proptest::collection::vec(letter, 1..12).prop_map(|letters| letters.into_iter().collect::<String>());
    proptest::collection::vec(row, 1..8).prop_map(|rows| {
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        lines(&rows)
    })
}

proptest! {
    #[test]
    fn what_is_given_is_free_and_as_much_as_was_wanted_or_there_is_not_enough(
        house in any_house(), quantity in 1u32..12, no_singles: bool, accessible: bool, tolerance in 0..400, at: u32
    ) {
        let wish = Wish { quantity, accessible, no_singles, tolerance };
        let any = accessible || are_opened(&house);
        let may: Vec<Seat> = house.iter().flat_map(|line| &line.seats).copied()
            .filter(|seat| seat.state == State::Free && (any || !seat.accessible)).collect();
        let enough = may.len() >= quantity as usize && (!accessible || may.iter().any(|seat| seat.accessible));
        match best(&house, wish, &mut |below| at % below) {
            Some(chosen) => {
                prop_assert_eq!(chosen.len(), quantity as usize);
                prop_assert!(chosen.windows(2).all(|two| two[0] < two[1]));
                prop_assert!(chosen.iter().all(|number| may.iter().any(|seat| seat.number == *number)));
                // What is offered may also be chosen, unless the group had to be divided.
                let chosen: HashSet<SeatNumber> = chosen.into_iter().collect();
                let runs = runs(&house, any, &HashSet::new());
                let whole = runs.iter().any(|run| run.seats.iter().filter(|seat| chosen.contains(&seat.number)).count() == chosen.len());
                if whole {
                    let numbers: Vec<SeatNumber> = chosen.into_iter().collect();
                    prop_assert_eq!(check(&house, &numbers, &[], accessible, no_singles), Ok(()));
                }
            }
            None => prop_assert!(!enough),
        }
    }

    #[test]
    fn a_look_near_the_best_seats_finds_what_a_look_at_all_finds(
        house in any_house(), quantity in 1u32..5, no_singles: bool, limit in 1usize..20
    ) {
        let wish = Wish { quantity, accessible: false, no_singles, tolerance: 0 };
        let mut free: Vec<Seat> = house.iter().flat_map(|line| &line.seats).copied()
            .filter(|seat| seat.state == State::Free).collect();
        free.sort_by_key(|seat| seat.cost);
        let is_all = free.len() < limit;
        free.truncate(limit);
        let beside = i32::try_from(quantity).unwrap() + 1;
        let near: Vec<Line> = house.iter().filter_map(|line| {
            let best = |seat: &&Seat| free.contains(seat);
            let first = line.seats.iter().find(best)?.number.get() - beside;
            let last = line.seats.iter().rfind(best)?.number.get() + beside;
            let seats = line.seats.iter().filter(|seat| (first..=last).contains(&seat.number.get()));
            Some(Line { seats: seats.copied().collect(), ..line.clone() })
        }).collect();
        let reach = free.last().filter(|_| !is_all).map_or(i32::MAX, |seat| seat.cost);
        let cost = |chosen: &[SeatNumber]| {
            let seats: Vec<&Seat> = house.iter().flat_map(|line| &line.seats)
                .filter(|seat| chosen.contains(&seat.number)).collect();
            mean(&seats)
        };
        if let Some(chosen) = best_near(&near, reach, wish, &mut |_| 0) {
            prop_assert_eq!(chosen.len(), quantity as usize);
            let best = best(&house, wish, &mut |_| 0).unwrap();
            prop_assert_eq!(cost(&chosen), cost(&best));
        }
    }

    #[test]
    fn what_is_left_is_counted_as_it_is_given(house in any_house(), accessible: bool) {
        let (free, _) = left(&house, accessible);
        let any = accessible || are_opened(&house);
        let runs = runs(&house, any, &HashSet::new());
        prop_assert_eq!(free as usize, runs.iter().map(|run| run.seats.len()).sum::<usize>());
    }
}
