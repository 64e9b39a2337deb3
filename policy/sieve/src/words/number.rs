//! Arithmetic on texts (spec sieve.md §5.4): results have six decimals, except those of ec_mod and of rounding.

use crate::fault::Fault;
use crate::machine::Call;
use crate::value::Value;
use crate::word::{Kind, Parameter, Word, needs};

const PAIR: [Parameter; 2] = [needs("number", Kind::Number), needs("number", Kind::Number)];
const ONE: [Parameter; 1] = [needs("number", Kind::Number)];

pub(super) static WORDS: &[Word] = &[
    Word::value("ec_add", |call| decimal(call.number(0)? + call.number(1)?)).takes(&PAIR).doc("The sum."),
    Word::value("ec_sub", |call| decimal(call.number(0)? - call.number(1)?))
        .takes(&PAIR)
        .doc("The difference."),
    Word::value("ec_mul", |call| decimal(call.number(0)? * call.number(1)?)).takes(&PAIR).doc("The product."),
    Word::value("ec_div", |call| decimal(call.number(0)? / divisor(call)?)).takes(&PAIR).doc("The quotient."),
    Word::value("ec_mod", |call| whole((call.number(0)?.trunc()) % divisor(call)?.trunc()))
        .takes(&PAIR)
        .doc("The remainder of whole numbers."),
    Word::value("ec_ceil", |call| whole(call.number(0)?.ceil())).takes(&ONE).doc("Up: -41 of -41.65."),
    Word::value("ec_floor", |call| whole(call.number(0)?.floor())).takes(&ONE).doc("Down: -42 of -41.65."),
    Word::value("ec_trunc", |call| whole(call.number(0)?.trunc()))
        .takes(&ONE)
        .doc("Towards zero: -41 of -41.65."),
    Word::value("ec_nearbyint", |call| whole(call.number(0)?.round_ties_even()))
        .takes(&ONE)
        .doc("To the nearest whole number: 65 of 65.43."),
    Word::value("ec_round", |call| whole(away(call.number(0)?)))
        .takes(&ONE)
        .doc("Always away from zero: 66 of 65.43, -42 of -41.65."),
    Word::value("ec_rand", random)
        .takes(&[needs("most or list", Kind::Texts)])
        .doc("A whole number below this one, or an element of the list."),
];

fn decimal(number: f64) -> Result<Value, Fault> {
    if !number.is_finite() {
        return Err(Fault::new("the result is no number"));
    }
    Ok(Value::from(format!("{number:.6}")))
}

fn whole(number: f64) -> Result<Value, Fault> {
    if !number.is_finite() {
        return Err(Fault::new("the result is no number"));
    }
    // There is no negative zero for people.
    Ok(Value::from(format!("{:.0}", if number == 0.0 { 0.0 } else { number })))
}

fn divisor(call: &Call<'_, '_>) -> Result<f64, Fault> {
    match call.number(1)? {
        0.0 => Err(Fault::new("division by zero")),
        divisor => Ok(divisor),
    }
}

fn away(number: f64) -> f64 {
    if number < 0.0 { number.floor() } else { number.ceil() }
}

fn random(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let chance = call.scene.host.chance();
    if let Value::List(list) = call.value(0) {
        let Some(count) = std::num::NonZeroU64::new(list.len() as u64) else {
            return Err(Fault::new("the list is empty"));
        };
        return Ok(Value::Text(list[(chance % count) as usize].clone()));
    }
    match call.whole(0)? {
        0 => Err(Fault::new("there is no number below 0")),
        most => Ok(Value::from((chance % most).to_string())),
    }
}
