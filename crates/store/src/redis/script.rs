//! The one Lua script of the adapter: its arguments and its answer.
//!
//! Each step names a key and a verb, and is answered by two values: a code and what the key holds. Every command is
//! a `pcall`, so an error such as `OOM`, `READONLY` or `WRONGTYPE` is the answer of its own step and of no other.
//! After an error a step does nothing more. Numbers are sent as text, since Lua's numbers are floats.
//!
//! [`super::model`] is the same in Rust, and a test compares the two on a real Redis. `docs/redis.md` lists the
//! rights that the script's commands need.

/// The script. `ARGV`: the verbs, each followed by its values. `KEYS`: a key for each verb, each followed by the keys
/// that the verb or its values name.
///
/// It is sent in full each time, which costs less than a lost `EVALSHA` (`NOSCRIPT`) after each restart.
pub const SCRIPT: &str = r#"
local says, at, place, why = {}, 0, 0, nil
local function take() at = at + 1 return ARGV[at] end
local function another() place = place + 1 return KEYS[place] end
local function ask(...)
  if why then return nil end
  local said = redis.pcall(...)
  if type(said) ~= 'table' or not said.err then return said end
  why = said.err
end
local function past(sum, bound)
  local minus, below = sum:byte() == 45, bound:byte() == 45
  if minus ~= below then return below end
  if #sum ~= #bound then return #sum > #bound ~= minus end
  return sum ~= bound and sum > bound ~= minus
end
local function total(key, ...)
  local back, sum = {}, nil
  for _, part in ipairs({ ... }) do
    if part ~= '0' and ask('INCRBY', key, part) then back[#back + 1] = '-' .. part end
  end
  sum = ask('GET', key)
  local failed = why
  why = nil
  for n = 1, #back do ask('INCRBY', key, back[n]) end
  why = failed
  if why and why:find('overflow', 1, true) then why = nil end
  return sum
end
while at < #ARGV do
  why = nil
  local verb, key, done, told = take(), another(), nil, nil
  local held = ask('GET', key)
  if verb == 'set' then done = ask('SET', key, take())
  elseif verb == 'add' then done = ask('INCRBY', key, take())
  elseif verb == 'within' then
    local delta, bound = take(), take()
    done = ask('INCRBY', key, delta)
    local sum = done and ask('GET', key)
    if sum and past(sum, bound) then
      ask('INCRBY', key, '-' .. delta)
      done = nil
    end
  elseif verb == 'total' then
    local elected, posts, keyed = ask('GET', another()), another(), '0'
    local ticket, delta, bound = take(), take(), take()
    local elsewhere = elected and elected ~= '0' and elected ~= ticket
    local document = nil
    if elected == ticket then
      document = ask('GET', posts)
      keyed = document and document:match('"sum":(%d+)')
      if not keyed then why = why or 'ERR a document holds no sum' end
    end
    if elsewhere then held = not why and elected
    else
      told = not why and total(key, keyed, delta)
      if told and not past(told, bound) then done = ask('INCRBY', key, delta) end
      if document and told then told = told .. ' ' .. document end
      held = false
    end
  elseif verb == 'post' then
    local cell, current, head, tail = another(), take(), take(), take()
    local otherwise, own, bound = take(), take(), take()
    if held == current then
      local there = ask('GET', cell)
      told = own
      if there then told = total(cell, own) end
      if told and past(told, bound) then told = nil end
      done = ask('SET', key, told and head .. told .. tail or otherwise)
    end
  elseif verb == 'swap' then
    local current, next, keys, values = take(), take(), {}, {}
    local may = held == current
    for _ = 1, tonumber(take()) do
      local absent = another()
      may = may and ask('GET', absent) == false
    end
    for n = 1, tonumber(take()) do
      keys[n], values[n] = another(), take()
      if may then ask('GET', keys[n]) end
    end
    if may then
      for n = 1, #keys do ask('SET', keys[n], values[n]) end
      done = ask('SET', key, next)
    end
  elseif verb == 'elect' then
    local candidate = take()
    if held == false or held == '0' then done = ask('SET', key, candidate) end
  elseif verb == 'first' then
    local tickets, elected, empty, first = another(), another(), take(), take()
    if held == false and ask('GET', tickets) == false and ask('GET', elected) == false then
      ask('INCRBY', tickets, 1)
      ask('SET', key, empty)
      ask('SET', elected, 1)
      done = ask('SET', key, first)
    end
  end
  local code, value = 0, held
  if why then code, value = -1, why
  elseif done then
    local number = verb == 'add' or verb == 'within' or verb == 'elect'
    code, value = 1, number and ask('GET', key) or told or false
  end
  says[#says + 1] = code
  says[#says + 1] = value
end
return says"#;

/// Why a total is not known: the document with one part of it has no sum.
pub const NO_SUM: &str = "ERR a document holds no sum";

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Where.
    pub key: String,
    /// What.
    pub verb: Verb,
}

/// What to do with a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verb {
    /// Say what it holds.
    Get,
    /// Write this, whatever it holds.
    Set(Vec<u8>),
    /// Write `next` if the key holds `current`, if none of `absent` exists, and after `before` is written.
    Swap {
        /// What it must hold.
        current: Vec<u8>,
        /// What it holds then.
        next: Vec<u8>,
        /// Keys that hold nothing.
        absent: Vec<String>,
        /// What is written first, if all conditions hold.
        before: Vec<(String, Vec<u8>)>,
    },
    /// Add to the number in the key; 0 if it is absent.
    Add(i64),
    /// Add to the number in the key, unless the sum would pass a bound.
    AddWithin {
        /// What is added; 1 or more.
        delta: i64,
        /// The largest sum; 0 or more.
        bound: i64,
    },
    /// Add to the number in the key, unless its sum with the number in a document would pass a bound. Answer the
    /// total and, after a space, the document, if it counts. If another ticket was elected, answer which.
    Total {
        /// The election of the document that counts; none does before the election.
        election: String,
        /// The document that counts if `ticket` was elected. Its sum is the first number after `"sum":`.
        document: String,
        /// Whose document that is.
        ticket: i64,
        /// What is added; 1 or more.
        delta: i64,
        /// The largest total.
        bound: i64,
    },
    /// If the key holds `current`, write `head`, the total and `tail`, or `otherwise` if the total passes a bound.
    Post {
        /// What it must hold.
        current: Vec<u8>,
        /// The value up to the total.
        head: Vec<u8>,
        /// What is written behind it.
        tail: Vec<u8>,
        /// What is written without one.
        otherwise: Vec<u8>,
        /// The key of the other part of the total.
        cell: String,
        /// This document's part of the total; 1 or more.
        own: i64,
        /// The largest total.
        bound: i64,
    },
    /// Write this if it is absent or 0.
    Elect(i64),
    /// Open a document that nobody has opened, like [`crate::first_write`], and write `first` into it.
    First {
        /// Where openers take their tickets.
        tickets: String,
        /// Where one of them is elected.
        elected: String,
        /// What it is opened with.
        empty: Vec<u8>,
        /// What it holds then.
        first: Vec<u8>,
    },
}

/// What came of a step.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum StepReply {
    /// It was written. For numbers: the new number, or the total.
    Done(Option<Vec<u8>>),
    /// Nothing was written, and this is what the key holds.
    Unchanged(Option<Vec<u8>>),
    /// Redis refuses, for this reason; nothing was written.
    Refused(String),
    /// It was written, but fewer replicas have it than required: a failover may forget it.
    Unkept,
}

impl StepReply {
    /// Whether something was written.
    #[must_use]
    pub fn is_done(&self) -> bool {
        matches!(self, Self::Done(_))
    }
}

/// Marks all that was written as `Unkept`.
pub fn unkept(said: &mut [StepReply]) {
    said.iter_mut().filter(|said| said.is_done()).for_each(|said| *said = StepReply::Unkept);
}

/// A value in Redis's answer to the script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Nothing.
    Nil,
    /// A code.
    Code(i64),
    /// Text, or what a key holds.
    Bytes(Vec<u8>),
}

impl Step {
    /// Every key of the step, in the script's order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        let behind: Vec<&String> = match &self.verb {
            Verb::Swap { absent, before, .. } => {
                absent.iter().chain(before.iter().map(|(key, _)| key)).collect()
            }
            Verb::First { tickets, elected, .. } => vec![tickets, elected],
            Verb::Total { election, document, .. } => vec![election, document],
            Verb::Post { cell, .. } => vec![cell],
            _ => Vec::new(),
        };
        std::iter::once(&self.key).chain(behind).map(String::as_str)
    }
}

impl Verb {
    /// Whether it writes nothing.
    #[must_use]
    pub fn is_read(&self) -> bool {
        matches!(self, Self::Get)
    }
}

/// The arguments of `EVAL`: the script, the number of keys, the keys, and the verbs with their values.
#[must_use]
pub fn arguments(steps: &[&Step]) -> Vec<Vec<u8>> {
    let keys: Vec<Vec<u8>> = steps.iter().flat_map(|step| step.keys()).map(Into::into).collect();
    let mut arguments = vec![SCRIPT.into(), count(&keys)];
    arguments.extend(keys);
    for Step { verb, .. } in steps {
        match verb {
            Verb::Get => arguments.push(b"get".into()),
            Verb::Set(value) => arguments.extend([b"set".into(), value.clone()]),
            Verb::Swap { current, next, absent, before } => {
                arguments.extend([b"swap".into(), current.clone(), next.clone()]);
                arguments.extend([count(absent), count(before)]);
                arguments.extend(before.iter().map(|(_, value)| value.clone()));
            }
            Verb::Add(delta) => arguments.extend([b"add".into(), delta.to_string().into_bytes()]),
            Verb::AddWithin { delta, bound } => {
                let numbers = [delta, bound].map(|number| number.to_string().into_bytes());
                arguments.extend([b"within".into()].into_iter().chain(numbers));
            }
            Verb::Total { ticket, delta, bound, .. } => {
                let numbers = [ticket, delta, bound].map(|number| number.to_string().into_bytes());
                arguments.extend([b"total".into()].into_iter().chain(numbers));
            }
            Verb::Post { current, head, tail, otherwise, own, bound, .. } => {
                arguments.push(b"post".into());
                arguments.extend([current, head, tail, otherwise].map(Clone::clone));
                arguments.extend([own, bound].map(|number| number.to_string().into_bytes()));
            }
            Verb::Elect(candidate) => {
                arguments.extend([b"elect".into(), candidate.to_string().into_bytes()]);
            }
            Verb::First { empty, first, .. } => {
                arguments.extend([b"first".into(), empty.clone(), first.clone()]);
            }
        }
    }
    arguments
}

fn count<T>(list: &[T]) -> Vec<u8> {
    list.len().to_string().into_bytes()
}

/// The answer to each step in Redis' answer to the script; `None` if it is not an answer to it.
#[must_use]
pub fn replies(values: Vec<Value>) -> Option<Vec<StepReply>> {
    let mut values = values.into_iter();
    let mut said = Vec::new();
    while let Some(code) = values.next() {
        let bytes = match values.next()? {
            Value::Nil => None,
            Value::Bytes(bytes) => Some(bytes),
            Value::Code(_) => return None,
        };
        said.push(match code {
            Value::Code(1) => StepReply::Done(bytes),
            Value::Code(0) => StepReply::Unchanged(bytes),
            Value::Code(-1) => StepReply::Refused(String::from_utf8_lossy(&bytes?).into_owned()),
            _ => return None,
        });
    }
    Some(said)
}
