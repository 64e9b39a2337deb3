//! Where reading goes on after a fault. A wrong guess costs a second complaint, never a hang: every step eats
//! a token, and looks at two more at most.

use super::{Parser, is_ident};
use crate::fault::Fault;
use crate::lexer::{Mode, Token};

impl Parser<'_> {
    /// Reports, and finds the next statement in the same braces: on a later line, or at the very next word
    /// (`open_relay  idle_time = 300`).
    pub(super) fn recover(&mut self, fault: Fault, from: usize) {
        self.faults.push(fault);
        let line_end = self.lexer.line_end(from);
        let mut open = 0_usize;
        for count in 0.. {
            let Ok((token, span)) = self.lexer.next(Mode::Statement) else { continue };
            match token {
                Token::End => return,
                Token::Sign(b'{') => open += 1,
                Token::Sign(b'}') if open == 0 => return self.lexer.return_to(span),
                Token::Sign(b'}') => open -= 1,
                Token::Word { text, quoted: false } if open == 0 && is_ident(&text) => {
                    let later = span.start as usize > line_end;
                    if later && self.begins_statement(&text) || count == 0 && self.begins_assignment() {
                        return self.lexer.return_to(span);
                    }
                }
                _ => {}
            }
        }
    }

    /// The plainest form.
    fn begins_assignment(&self) -> bool {
        matches!(self.lexer.clone().next(Mode::Statement), Ok((Token::Sign(b'=' | b'{'), _)))
    }

    fn begins_statement(&self, ident: &str) -> bool {
        let mut ahead = self.lexer.clone();
        match ahead.next(Mode::Statement) {
            Ok((Token::Sign(b'=' | b'{' | b'['), _)) => true,
            Ok((Token::Word { .. }, _)) => {
                ident.eq_ignore_ascii_case("include")
                    || matches!(ahead.next(Mode::Statement), Ok((Token::Sign(b'{' | b'='), _)))
            }
            _ => false,
        }
    }

    /// Behind an opening brace: to behind the closing one, without recursion.
    pub(super) fn skip_block(&mut self) {
        let mut open = 1_usize;
        while open > 0 {
            match self.lexer.next(Mode::Statement) {
                Ok((Token::End, _)) => return,
                Ok((Token::Sign(b'{'), _)) => open += 1,
                Ok((Token::Sign(b'}'), _)) => open -= 1,
                _ => {}
            }
        }
    }
}
