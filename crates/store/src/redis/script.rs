//! The one script that everything is a step of, what it is given and what it says.
//!
//! Each step names a key and a verb, and is answered by two values: a code and what the key holds. An
//! error in one step, such as `OOM` or `READONLY`, is that step's answer: a script that stopped there
//! would leave it unknown what came before. Numbers travel as text, since Lua's are floats.

/// The script. `ARGV`: the verbs, each with its values behind it. `KEYS`: a key for each verb, each with
/// those behind it that its values name a number of.
///
/// It is sent whole each time, which costs less than a lost `EVALSHA` (`NOSCRIPT`) after each restart.
pub const SCRIPT: &str = "
local says, at, place = {}, 0, 0
local function take() at = at + 1 return ARGV[at] end
local function another() place = place + 1 return KEYS[place] end
while at < #ARGV do
  local verb, key, done = take(), another(), nil
  local held = redis.pcall('GET', key)
  if verb == 'set' then done = redis.pcall('SET', key, take())
  elseif verb == 'add' then done = redis.pcall('INCRBY', key, take())
  elseif verb == 'within' then
    local delta, bound = take(), take()
    done = redis.pcall('INCRBY', key, delta)
    if type(done) == 'number' then
      local sum = redis.call('GET', key)
      if #sum > #bound or #sum == #bound and sum > bound then
        redis.call('DECRBY', key, delta)
        done = nil
      end
    end
  elseif verb == 'swap' then
    local current, next = take(), take()
    local may = held == current
    for _ = 1, tonumber(take()) do may = redis.call('EXISTS', another()) == 0 and may end
    for _ = 1, tonumber(take()) do
      local before, value = another(), take()
      if may then
        done = redis.pcall('SET', before, value)
        may = not done.err
      end
    end
    if may then done = redis.pcall('SET', key, next) end
  elseif verb == 'elect' then
    local candidate = take()
    if not held or held == '0' then done = redis.pcall('SET', key, candidate) end
  end
  local failed = type(done) == 'table' and done.err or type(held) == 'table' and held.err
  if failed then
    says[#says + 1], says[#says + 2] = -1, failed
  elseif done then
    says[#says + 1], says[#says + 2] = 1, verb ~= 'set' and verb ~= 'swap' and redis.call('GET', key)
  else
    says[#says + 1], says[#says + 2] = 0, held
  end
end
return says";

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
    /// Write `next` if it holds `current`, if none of `absent` is there, and once `before` is written.
    Swap {
        /// What it must hold.
        current: Vec<u8>,
        /// What it holds then.
        next: Vec<u8>,
        /// Keys that hold nothing.
        absent: Vec<String>,
        /// What is written first, where everything else is as it must be.
        before: Vec<(String, Vec<u8>)>,
    },
    /// Add to the number that it holds; 0 when it is absent.
    Add(i64),
    /// Add to the number that it holds, unless the sum would pass a bound.
    AddWithin {
        /// What is added; 1 or more.
        delta: i64,
        /// The largest sum; 0 or more.
        bound: i64,
    },
    /// Write this if it is absent or 0.
    Elect(i64),
}

/// What came of a step.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Said {
    /// It was written. A number says what it is now.
    Done(Option<Vec<u8>>),
    /// Nothing was written, and this is what the key holds.
    Held(Option<Vec<u8>>),
    /// Redis does not do it, for this reason; nothing was written.
    Refused(String),
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
    /// Every key that it is about, in the script's order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        let (absent, before) = match &self.verb {
            Verb::Swap { absent, before, .. } => (&absent[..], &before[..]),
            _ => (&[][..], &[][..]),
        };
        let behind = absent.iter().chain(before.iter().map(|(key, _)| key));
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

/// The arguments of `EVAL`: the script, the number of keys, the keys, the verbs with their values.
#[must_use]
pub fn arguments(steps: &[Step]) -> Vec<Vec<u8>> {
    let keys: Vec<Vec<u8>> = steps.iter().flat_map(Step::keys).map(Into::into).collect();
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
            Verb::Elect(candidate) => {
                arguments.extend([b"elect".into(), candidate.to_string().into_bytes()]);
            }
        }
    }
    arguments
}

fn count<T>(list: &[T]) -> Vec<u8> {
    list.len().to_string().into_bytes()
}

/// What Redis's answer says of each step; `None` when it is no answer to the script.
#[must_use]
pub fn said(values: Vec<Value>) -> Option<Vec<Said>> {
    let mut values = values.into_iter();
    let mut said = Vec::new();
    while let Some(code) = values.next() {
        let bytes = match values.next()? {
            Value::Nil => None,
            Value::Bytes(bytes) => Some(bytes),
            Value::Code(_) => return None,
        };
        said.push(match code {
            Value::Code(1) => Said::Done(bytes),
            Value::Code(0) => Said::Held(bytes),
            Value::Code(-1) => Said::Refused(String::from_utf8_lossy(&bytes?).into_owned()),
            _ => return None,
        });
    }
    Some(said)
}

/// Whether an error of Redis, in the words of the host, says that the script was not carried out at all.
/// Any other words leave it open.
#[must_use]
pub fn is_refusal(error: &str) -> bool {
    const CODES: [&str; 11] = [
        "BUSY",
        "CLUSTERDOWN",
        "LOADING",
        "MASTERDOWN",
        "MISCONF",
        "NOAUTH",
        "NOPERM",
        "NOREPLICAS",
        "OOM",
        "READONLY",
        "WRONGPASS",
    ];
    let word = |text: &str| CODES.contains(&text);
    error.split(|letter: char| !letter.is_ascii_uppercase()).any(word)
}
