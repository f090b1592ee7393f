"""The vendor's refusals (S4 12.2): code, HTTP status, message. Many final ones come as HTTP 500, as there."""

from __future__ import annotations

from collections.abc import Mapping


class ApiError(Exception):
    """A call was refused; the client finds `code` in S4 12.2 and what to do about it there."""

    def __init__(
        self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(f"{status} {code} {message}")
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers


def unauthenticated() -> ApiError:
    """No credentials came with the call."""
    return ApiError(401, "MSS.00000001", "Unauthorized")


def bad_signature(reason: str) -> ApiError:
    """The gateway could not verify the signature or the token."""
    return ApiError(401, "APIGW.0301", f"Incorrect IAM authentication information: {reason}")


def wrong_project() -> ApiError:
    """The credentials belong to another project than the path."""
    return ApiError(403, "MSS.00020006", "The project of the credentials does not match the path")


def throttled() -> ApiError:
    """More calls in this second than the tenant may make."""
    return ApiError(
        429, "APIGW.0308", "The throttling threshold has been reached: policy user over ratelimit"
    )


def no_such_api() -> ApiError:
    """The gateway knows no such method and path, or not in this region."""
    return ApiError(404, "APIGW.0101", "The API does not exist or has not been published in the environment")


def too_large() -> ApiError:
    """The body is longer than AK/SK authentication allows (S4 3.2)."""
    return ApiError(413, "APIGW.0201", "Request entity too large")


def invalid(reason: str) -> ApiError:
    """A parameter breaks its documented range."""
    return ApiError(400, "MSS.00000003", f"Invalid parameter: {reason}")


def not_found(what: str) -> ApiError:
    """What the path names does not exist."""
    return ApiError(404, "MSS.00000002", f"Not Found: {what}")


def internal() -> ApiError:
    """A fault of the sandbox itself; its log says which."""
    return ApiError(500, "MSS.00000004", "Internal Error")


def room_not_found() -> ApiError:
    """No such live room."""
    return ApiError(400, "MSS.20010045", "房间信息未找到")


def room_name_taken() -> ApiError:
    """Live rooms have unique names."""
    return ApiError(400, "MSS.20010031", "直播房间名称重复")


def job_running() -> ApiError:
    """`single_job_in_room`, and a job already runs in the room."""
    return ApiError(500, "MSS.20010036", "当前房间有正在直播的任务")


def job_not_found() -> ApiError:
    """No such live job in this room."""
    return ApiError(500, "MSS.20010046", "直播任务未找到")


def job_not_running(job_id: str, state: str) -> ApiError:
    """The job is WAITING or over."""
    return ApiError(500, "MSS.20010099", f"直播任务不在运行状态, 任务Id是{job_id}, 状态是{state}")


def job_finished() -> ApiError:
    """The job has been over already."""
    return ApiError(400, "MSS.20010066", "任务状态已经完成, 不支持修改")


def invalid_command(reason: str) -> ApiError:
    """Unknown command, or parameters that do not fit it."""
    return ApiError(500, "MSS.20010053", f"非法的command命令, 请检查您的command参数: {reason}")


def bad_markup(reason: str) -> ApiError:
    """SSML that is not well-formed."""
    return ApiError(500, "MSS.20010015", f"xml解析失败: {reason}")


def report_refused() -> ApiError:
    """The key of the report URL is wrong."""
    return ApiError(401, "MSS.20010039", "直播上报鉴权失败")


def report_expired() -> ApiError:
    """The report URL has expired: repeat with `refresh_url=true`."""
    return ApiError(401, "MSS.20010054", "直播上报事件过期")


def report_dead() -> ApiError:
    """The report URL expired too long ago: show the job again."""
    return ApiError(401, "MSS.20010077", "直播上报事件鉴权信息过期太长，不允许刷新")


def rule_group_not_found() -> ApiError:
    """No such rule group."""
    return ApiError(400, "MSS.20010083", "互动规则库未找到")


def rule_group_name_taken() -> ApiError:
    """Rule groups have unique names."""
    return ApiError(400, "MSS.20010084", "互动规则库重名")


def product_not_found() -> ApiError:
    """No such product."""
    return ApiError(400, "MSS.10001041", "商品不存在")


def chat_room_not_found() -> ApiError:
    """No such smart-chat room."""
    return ApiError(400, "MSS.47010001", "对话不存在")


def chat_room_name_taken() -> ApiError:
    """Smart-chat rooms have unique names."""
    return ApiError(400, "MSS.20010148", "交互房间名称重复")


def chat_job_not_found() -> ApiError:
    """No such smart-chat job."""
    return ApiError(400, "MSS.47010065", "对话任务不存在, 查询智能交互任务失败")


def chat_job_stopped() -> ApiError:
    """The smart-chat job has been over already."""
    return ApiError(400, "MSS.47010123", "对话已经停止")


def chat_full() -> ApiError:
    """More chat jobs at once than the room's `concurrency`."""
    return ApiError(403, "MSS.20010135", "超过对话配置并发")
