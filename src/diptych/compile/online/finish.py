"""Finish expressions as instructions of the kernel's stack machine; text and calendars are left to the caller."""

import decimal
import struct

from diptych.ground.expression import Call, Column, Expression, Literal, Op
from diptych.ground.values import Decimal, Enum, Float64, ResultType, Scalar, String
from diptych.kernel import finish as vm
from diptych.plan.nodes import REQUEST_TIME

Instruction = tuple[int, int, int]

_BY_TYPE = {
    Op.ADD: (vm.ADD_INT, vm.ADD_FLOAT),
    Op.SUB: (vm.SUB_INT, vm.SUB_FLOAT),
    Op.MUL: (vm.MUL_INT, vm.MUL_FLOAT),
    Op.NEG: (vm.NEG_INT, vm.NEG_FLOAT),
    Op.ABS: (vm.ABS_INT, vm.ABS_FLOAT),
    Op.EQ: (vm.EQ_INT, vm.EQ_FLOAT),
    Op.NE: (vm.NE_INT, vm.NE_FLOAT),
    Op.LT: (vm.LT_INT, vm.LT_FLOAT),
    Op.LE: (vm.LE_INT, vm.LE_FLOAT),
    Op.GT: (vm.GT_INT, vm.GT_FLOAT),
    Op.GE: (vm.GE_INT, vm.GE_FLOAT),
    Op.IN: (vm.IN_INT, vm.IN_FLOAT),
}
_PLAIN = {
    Op.MOD: vm.MOD_INT,
    Op.DIV: vm.DIV_FLOAT,
    Op.FLOOR: vm.FLOOR,
    Op.CEIL: vm.CEIL,
    Op.SQRT: vm.SQRT,
    Op.LN: vm.LN,
    Op.EXP: vm.EXP,
    Op.FINITE: vm.FINITE,
    Op.TO_FLOAT: vm.TO_FLOAT,
    Op.AND: vm.AND,
    Op.OR: vm.OR,
    Op.NOT: vm.NOT,
    Op.IS_NULL: vm.IS_NULL,
    Op.COALESCE: vm.COALESCE,
    Op.CASE: vm.CASE,
    Op.SECONDS_BETWEEN: vm.SECONDS_BETWEEN,
}
_SIZED = {Op.IN, Op.COALESCE, Op.CASE}


def runs_in_kernel(finish: Expression) -> bool:
    """Whether the stack machine can evaluate the expression: no text and no calendar in it."""
    if isinstance(finish.type, String | Enum):
        return False
    if isinstance(finish, Call):
        supported = finish.op in _BY_TYPE or finish.op in _PLAIN or finish.op in (Op.SHIFT, Op.RESCALE)
        return supported and all(runs_in_kernel(argument) for argument in finish.args)
    return True


def instructions(finish: Expression, places: tuple[int, ...]) -> list[Instruction]:
    """The expression in postfix order; ``places`` says where each reduction's result lies."""
    match finish:
        case Column(name) if name == REQUEST_TIME:
            return [(vm.PUSH_TIME, 0, 0)]
        case Column(name):
            index = reduction_index(name)
            return [(vm.PUSH_RESULT, places[index], index)]
        case Literal(None):
            return [(vm.PUSH_NULL, 0, 0)]
        case Literal(value, kind):
            assert value is not None
            assert kind is not None
            return [(vm.PUSH_WORD, word_of(value, kind), 0)]
        case Call():
            return _call(finish, places)


def stack_depth(program: list[Instruction]) -> int:
    """The most values that a program holds at once."""
    depth = deepest = 0
    for operation, operand, _ in program:
        depth += 1 if operation <= vm.PUSH_NULL else 1 - _takes(operation, operand)
        deepest = max(deepest, depth)
    return deepest


def reduction_index(name: str) -> int:
    """N of a column ``rN``."""
    return int(name.removeprefix("r"))


def word_of(value: Scalar, kind: ResultType) -> int:
    """A value that is not text as the int64 word of a result."""
    if isinstance(kind, Float64):
        assert not isinstance(value, str)
        return float_word(float(value))
    if isinstance(kind, Decimal):
        assert not isinstance(value, str)
        return int(decimal.Decimal(value).scaleb(kind.scale))
    return int(value)


def float_word(value: float) -> int:
    """The bits of a float64 as an int64, -0.0 as 0.0."""
    return int(struct.unpack("<q", struct.pack("<d", value + 0.0))[0])


def _call(call: Call, places: tuple[int, ...]) -> list[Instruction]:
    first = call.args[0]
    if call.op in (Op.SHIFT, Op.RESCALE):
        return [*instructions(first, places), _scaling(call)]
    program = [instruction for argument in call.args for instruction in instructions(argument, places)]
    size = len(call.args) if call.op in _SIZED else 0
    if call.op in _BY_TYPE:
        whole, floating = _BY_TYPE[call.op]
        return [*program, (floating if _is_float(call) else whole, size, 0)]
    return [*program, (_PLAIN[call.op], size, 0)]


def _is_float(call: Call) -> bool:
    return any(isinstance(argument.type, Float64) for argument in call.args)


def _scaling(call: Call) -> Instruction:
    literal = call.args[1]
    assert isinstance(literal, Literal)
    power = int(literal.value) if literal.value is not None else 0
    if call.op is Op.RESCALE:
        return (vm.SCALE_BY, 10**power, 0)
    if power > 0:
        return (vm.DIVIDE_BY, float_word(10.0**power), 0)
    return (vm.MULTIPLY_BY, float_word(10.0**-power), 0)


def _takes(operation: int, operand: int) -> int:
    if operation in (vm.IN_INT, vm.IN_FLOAT, vm.COALESCE, vm.CASE):
        return operand
    single = (vm.TO_FLOAT, vm.NEG_INT, vm.ABS_INT, vm.SCALE_BY, vm.NOT, vm.IS_NULL, *vm.UNARY_FLOAT)
    return 1 if operation in single else 2
