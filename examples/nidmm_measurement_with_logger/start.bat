@echo off
rem Starts the measurement; Discovery does so when somebody asks for it. The first start makes .venv
rem in this folder, with what pyproject.toml asks for; the client comes from the folder or the wheel
rem named here.
setlocal
set "here=%~dp0"
set "client=%JSON_LOGGER_CLIENT%"
if not defined client set "client=%here%..\..\reference_impl\session_reference\file_logger"

if exist "%here%.venv\complete" goto start
py -3 -m venv "%here%.venv" || exit /b 1
"%here%.venv\Scripts\python.exe" -m pip --disable-pip-version-check install --quiet "%client%" "%here%." || exit /b 1
type nul > "%here%.venv\complete"

:start
"%here%.venv\Scripts\python.exe" "%here%measurement.py" %*
exit /b %errorlevel%
