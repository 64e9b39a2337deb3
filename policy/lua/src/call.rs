//! One question to the scripts: what they see and change, what they wait for, what they have spent.
//!
//! The law: userdata outlive their call, in `self` and in globals; what they show ends with it.

use crate::budget::Spent;
use crate::family::aside::Lock;
use crate::machine::{Machine, SUSPEND, USER, plain_text, stack};
use content::Tree;
use mail::{Contexts, MessageId, Phase};
use mlua::thread::ThreadStatus;
use mlua::{Error, Lua, MultiValue, Table, Thread, Value};
use policy_api::{Ask, Client, Disposition, Host, Later, Message, Rights, SessionRequests, Verdict};
use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;

/// A message with its dictionaries, and its MIME tree while a script looks at it.
#[derive(Default)]
pub struct Letter {
    pub message: RefCell<Message>,
    pub contexts: RefCell<Contexts>,
    /// Changed parts are written back when the call ends or the content is read otherwise.
    pub tree: RefCell<Option<Tree>>,
    pub tree_changed: Cell<bool>,
    /// Which tree the parts that scripts hold belong to.
    pub tree_number: Cell<u32>,
    pub boundaries: Cell<u32>,
    pub parts_made: Cell<usize>,
    pub over: Cell<bool>,
}

impl Letter {
    /// The MIME tree, parsed when first asked for.
    pub fn with_tree<R>(&self, with: impl FnOnce(&mut Tree) -> R) -> R {
        let mut tree = self.tree.borrow_mut();
        with(tree.get_or_insert_with(|| self.message.borrow().content.tree()))
    }

    /// Boundaries that were made for this message are told apart by a number.
    pub fn next_boundary(&self) -> u32 {
        let number = self.boundaries.get();
        self.boundaries.set(number + 1);
        number
    }

    /// As `flush`; parts that scripts hold belong to nothing then.
    pub fn close_tree(&self) {
        self.flush();
        self.tree.take();
        self.tree_number.set(self.tree_number.get() + 1);
    }

    /// Writes back what was changed in the tree.
    pub fn flush(&self) {
        let tree = self.tree.borrow();
        if let Some(tree) = tree.as_ref().filter(|_| self.tree_changed.replace(false)) {
            self.message.borrow_mut().content.adopt(tree);
        }
    }
}

/// What a function that waits will answer.
pub type Pending = Later<mlua::Result<MultiValue>>;

pub struct Call {
    /// None at a hook that belongs to no phase.
    pub phase: Option<Phase>,
    pub rights: Rights,
    pub client: Client,
    pub line: String,
    pub letter: Rc<Letter>,
    pub session: RefCell<SessionRequests>,
    pub disposition: RefCell<Disposition>,
    pub host: Rc<dyn Host>,
    pub pending: RefCell<Option<Pending>>,
    pub spent: Spent,
    /// The table of the session; made when first asked for.
    pub table: OnceCell<Table>,
    /// Locks that it holds; they are given back when it ends.
    pub held: RefCell<Vec<Rc<Lock>>>,
    /// What it prints, if that goes to an operator.
    pub output: RefCell<Option<String>>,
}

impl Call {
    /// Takes out of a question all that scripts may change; `give_back` is owed.
    pub fn take(ask: &mut Ask<'_>, host: &Rc<dyn Host>) -> Rc<Call> {
        let letter = Letter {
            message: RefCell::new(std::mem::take(ask.message)),
            contexts: RefCell::new(std::mem::take(ask.contexts)),
            ..Letter::default()
        };
        Rc::new(Call {
            rights: Rights::of(ask.phase),
            client: ask.client.clone(),
            line: ask.line.to_owned(),
            letter: Rc::new(letter),
            session: RefCell::new(std::mem::take(ask.session)),
            disposition: RefCell::new(std::mem::take(ask.disposition)),
            ..Call::new(Some(ask.phase), host)
        })
    }

    /// Of a script that nobody asks, or that is asked at a hook. It may wait, and decides nothing.
    pub fn new(phase: Option<Phase>, host: &Rc<dyn Host>) -> Call {
        Call {
            phase,
            rights: Rights { code: false, ..Rights::of(phase.unwrap_or(Phase::Auth)) },
            client: Client::new(MessageId::NONE, None, None),
            line: String::new(),
            letter: Rc::default(),
            session: RefCell::default(),
            disposition: RefCell::default(),
            host: host.clone(),
            pending: RefCell::default(),
            spent: Spent::default(),
            table: OnceCell::new(),
            held: RefCell::default(),
            output: RefCell::default(),
        }
    }

    pub fn alone(host: &Rc<dyn Host>) -> Rc<Call> {
        Rc::new(Call::new(None, host))
    }

    /// What scripts still hold of it is of no use any more.
    pub fn end(&self) {
        self.letter.over.set(true);
        self.held.take().iter().for_each(|lock| lock.free());
    }

    pub fn give_back(&self, ask: &mut Ask<'_>) {
        self.letter.flush();
        self.end();
        *ask.message = self.letter.message.take();
        *ask.contexts = self.letter.contexts.take();
        *ask.session = self.session.take();
        *ask.disposition = self.disposition.take();
    }

    pub fn session_table(&self, lua: &Lua) -> mlua::Result<Table> {
        if let Some(table) = self.table.get() {
            return Ok(table.clone());
        }
        let table = lua.create_table()?;
        Ok(self.table.get_or_init(|| table).clone())
    }

    /// Whether scripts may wait here.
    pub fn may_wait(&self) -> bool {
        self.rights.suspend
    }
}

/// Why a call did not end well.
#[derive(Debug)]
pub struct Failure {
    /// One line for the panic log.
    pub text: String,
    /// It was ended over a budget: of steps, of time, of memory, of what a function may cost.
    pub is_over: bool,
}

/// What errors say that come of a budget: of memory, of PCRE.
const BUDGETS: [&str; 2] = ["not enough memory", crate::pattern::TOO_EXPENSIVE];

impl Failure {
    pub fn of(error: &Error) -> Failure {
        Failure::with_stack(&plain_text(error), Some(error))
    }

    pub fn plain(text: &str) -> Failure {
        Failure::with_stack(text, None)
    }

    fn with_stack(text: &str, error: Option<&Error>) -> Failure {
        let stack = error.map(stack).unwrap_or_default();
        let text = text.replace('\n', " | ");
        let is_over = BUDGETS.iter().any(|budget| text.contains(budget));
        let text = if stack.is_empty() { text } else { format!("{text} [stack: {stack}]") };
        Failure { text, is_over }
    }

    /// Of a call: whoever ended it over its budget has left a note.
    fn in_call(self, call: &Call) -> Failure {
        Failure { is_over: self.is_over || call.spent.ended.get().is_some(), ..self }
    }

    pub fn verdict(&self, what: &str) -> Verdict {
        let text = format!("{what}: {}", self.text).into();
        if self.is_over { Verdict::Exceeded(text) } else { Verdict::Failed(text) }
    }
}

/// What the next step of a coroutine needs.
pub enum Step {
    Ended(Result<MultiValue, Failure>),
    Wait(Pending),
    Breathe,
}

/// Resumes a coroutine until it ends, waits or has had its slice.
pub fn step(machine: &Machine, call: &Rc<Call>, thread: &Thread, arguments: MultiValue) -> Step {
    let (resumed, ended) = machine.slice(call, || thread.resume::<MultiValue>(arguments));
    let failed = |text: &str| Step::Ended(Err(Failure::plain(text).in_call(call)));
    if let Some(reason) = ended {
        return Step::Ended(Err(Failure::with_stack(reason, resumed.as_ref().err()).in_call(call)));
    }
    let values = match resumed {
        Ok(values) => values,
        Err(error) => return Step::Ended(Err(Failure::of(&error).in_call(call))),
    };
    if thread.status() != ThreadStatus::Resumable {
        return Step::Ended(Ok(values));
    }
    match values.front() {
        // The interrupt; through a coroutine of the script it comes as nil. It may come between the start of what
        // is waited for and the waiting.
        None | Some(Value::Nil) => Step::Breathe,
        Some(Value::LightUserData(mark)) if *mark == SUSPEND => match call.pending.take() {
            Some(pending) => Step::Wait(pending),
            None => failed("the script waits for nothing"),
        },
        Some(Value::LightUserData(mark)) if *mark == USER => {
            failed("attempt to yield outside of a coroutine of the script")
        }
        Some(_) => failed("the script has yielded to the engine"),
    }
}

/// Goes on with what `step` has left, until the coroutine ends.
pub async fn finish(
    machine: Rc<Machine>,
    call: Rc<Call>,
    thread: Thread,
    mut next: Step,
) -> Result<MultiValue, Failure> {
    loop {
        let arguments = match next {
            Step::Ended(result) => return result,
            Step::Breathe => MultiValue::new(),
            Step::Wait(pending) => match pending.await {
                Ok(mut values) => {
                    values.push_front(Value::Boolean(true));
                    values
                }
                Err(error) => {
                    let text = machine.lua.create_string(plain_text(&error));
                    let text = text.map_or(Value::Nil, Value::String);
                    MultiValue::from_iter([Value::Boolean(false), text])
                }
            },
        };
        if call.spent.is_slow() {
            machine.lane.turn(&call.host).await;
        }
        next = step(&machine, &call, &thread, arguments);
    }
}
